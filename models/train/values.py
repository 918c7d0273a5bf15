"""What callers say when asked for a value: amounts, dates and times, as spoken. The words are part of the vocabulary."""
ONES = 'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split()
TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split()
ORDINALS = ('first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth '
            'sixteenth seventeenth eighteenth nineteenth twentieth thirtieth').split()
DAYS = 'monday tuesday wednesday thursday friday saturday sunday'.split()
MONTHS = 'january february march april may june july august september october november december'.split()
ZH_ONES = '一二三四五六七八九'
BEFORE = {'en': ['I would like to', 'I want to', 'could you', 'can you please', 'hello', 'hi I need to', 'well', 'okay', 'um', 'no', 'yes', 'my', 'the'],
          'zh': ['我想', '我要', '你好', '你好我想', '请问', '请帮我', '麻烦', '那个', '嗯', '不是', '对', '我的']}
AFTER = {'en': ['please', 'thank you', 'tomorrow', 'today', 'now', 'and'], 'zh': ['谢谢', '可以吗', '吧', '啊', '了', '好吗']}


def below_100(n):
    if n < 20:
        return ONES[n - 1]
    return TENS[n // 10 - 2] + (' ' + ONES[n % 10 - 1] if n % 10 else '')


def number(r):
    kind = r.random()
    if kind < 0.6:
        return below_100(r.randint(1, 99))
    hundreds = r.choice(ONES[:9] + ['a']) + ' hundred'
    if kind < 0.75:
        return hundreds
    rest = below_100(r.randint(1, 99))
    return f'{hundreds} and {rest}' if kind < 0.9 else r.choice(ONES[:9]) + ' thousand' + r.choice(['', f' {hundreds}'])


def day(r):
    n = r.randint(1, 31)
    return ORDINALS[n - 1] if n < 20 else {20: 'twentieth', 30: 'thirtieth'}.get(n) or f'{TENS[n // 10 - 2]} {ORDINALS[n % 10 - 1]}'


def english(r):
    return r.choice([
        lambda: number(r) + r.choice([' dollars', ' dollars', ' pounds', '']),
        lambda: f'{number(r)} dollars and {below_100(r.randint(1, 99))} cents',
        lambda: r.choice(['', 'next ', 'this ', 'on ', 'last ']) + r.choice(DAYS),
        lambda: r.choice(['today', 'tomorrow', 'yesterday', 'the day after tomorrow', 'next week', 'next month', 'in two days', 'tonight']),
        lambda: f'{r.choice(["on ", ""])}{r.choice(MONTHS)} {r.choice(["", "the "])}{day(r)}',
        lambda: f'the {day(r)} of {r.choice(MONTHS)}',
        lambda: r.choice(['', 'at ']) + below_100(r.randint(1, 12)) + r.choice([' pm', ' am', " o'clock", ' thirty', ' in the morning', ' in the afternoon']),
        lambda: f'{r.choice(DAYS + ["tomorrow"])} {r.choice(["morning", "afternoon", "evening"])}',
    ])()


def zh_number(r):
    n = r.randint(1, 9999)
    if r.random() < 0.5:
        n = r.randint(1, 99)
    elif r.random() < 0.5:
        n = r.randint(1, 99) * 100
    return zh_written(r, n)


def zh_written(r, n):
    """A number of up to four digits; 200 is said in two ways."""
    out, zero = '', False
    for unit, name in ((1000, '千'), (100, '百'), (10, '十'), (1, '')):
        digit = n // unit % 10
        if digit:
            one = '两' if digit == 2 and unit >= 100 and r.random() < 0.7 else ZH_ONES[digit - 1]
            out += '零' * (zero and bool(out)) + ('' if unit == 10 and digit == 1 and not out else one) + name
        zero = not digit
    return out


def mandarin(r):
    teen = lambda most: zh_written(r, r.randint(1, most))
    return r.choice([
        lambda: zh_number(r) + r.choice(['块', '块钱', '元', '']),
        lambda: teen(12) + '月' + teen(31) + r.choice(['号', '号', '日']),
        lambda: r.choice(['', '这', '下', '下个', '上']) + r.choice(['周', '星期', '礼拜']) + r.choice('一二三四五六日天'),
        lambda: r.choice(['今天', '明天', '后天', '昨天', '前天', '大后天', '下个月', '下周', '这个月']) + r.choice(['', '', '上午', '下午', '晚上', '早上', '中午']),
        lambda: r.choice(['', '上午', '下午', '晚上', '早上']) + teen(12) + '点' + r.choice(['', '半', '钟', '一刻', teen(59) + '分']),
    ])()


def words():
    """Every word of the above, as (English words, Mandarin characters)."""
    english_words = ONES + TENS + ORDINALS + DAYS + MONTHS + ("a hundred and thousand dollars pounds cents next this on last today tomorrow yesterday the day after "
        "week month in two days tonight of at pm am o'clock morning afternoon evening").split()
    text = ''.join(BEFORE['zh'] + AFTER['zh']) + ZH_ONES + '两零十百千块钱元月号日这下个上周星期礼拜天今明后昨前大晚早中午点半钟一刻分万'
    return set(english_words) | {w for s in BEFORE['en'] + AFTER['en'] for w in s.split()}, set(text)
