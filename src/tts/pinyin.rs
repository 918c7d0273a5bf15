//! Mandarin text to toned pinyin for `cmn-latn-pinyin`: numbers to words, phrases with their own readings, tone sandhi.
//!
//! 您现在排在第12位 → `nin2 xian4 zai4 pai2 zai4 di4 shi2 er4 wei4`

use pinyin::ToPinyin;

/// Words whose characters are read otherwise than alone.
const PHRASES: &[(&str, &str)] = &[
    ("银行", "yin2 hang2"),
    ("重复", "chong2 fu4"),
    ("重听", "chong2 ting1"),
    ("重置", "chong2 zhi4"),
    ("重新", "chong2 xin1"),
    ("空闲", "kong4 xian2"),
    ("还贷", "huan2 dai4"),
    ("还款", "huan2 kuan3"),
    ("了解", "liao3 jie3"),
    ("得到", "de2 dao4"),
    ("目的", "mu4 di4"),
    ("长度", "chang2 du4"),
    ("音乐", "yin1 yue4"),
    ("便宜", "pian2 yi5"),
    ("数一", "shu3 yi1"),
    ("为什么", "wei4 shen2 me5"),
    ("因为", "yin1 wei4"),
    ("为您", "wei4 nin2"),
];

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

/// Hanzi text as pinyin with tone digits (5 for the neutral tone); punctuation becomes pauses.
pub fn to_pinyin(text: &str) -> String {
    let text = spell_numbers(text);
    let mut out = String::new();
    // Syllables since the last pause: what sandhi works on.
    let mut run: Vec<String> = Vec::new();
    let mut hanzi: Vec<char> = Vec::new();
    let mut rest = text.as_str();
    while let Some(ch) = rest.chars().next() {
        if let Some((phrase, reading)) = PHRASES.iter().find(|(p, _)| rest.starts_with(p)) {
            run.extend(reading.split(' ').map(str::to_owned));
            hanzi.extend(phrase.chars());
            rest = rest.get(phrase.len()..).unwrap_or_default();
            continue;
        }
        rest = rest.get(ch.len_utf8()..).unwrap_or_default();
        match ch.to_pinyin() {
            Some(syllable) => {
                let mut syllable = syllable.with_tone_num_end().to_owned();
                if !syllable.ends_with(|c: char| c.is_ascii_digit()) {
                    syllable.push('5');
                }
                run.push(syllable.replace('ü', "v"));
                hanzi.push(ch);
            }
            None => {
                flush(&mut run, &mut hanzi, &mut out);
                match ch {
                    '，' | '、' | '：' | '；' | ',' | ';' => out.push_str(", "),
                    '。' | '！' | '!' | '.' => out.push_str(". "),
                    '？' | '?' => out.push_str("? "),
                    _ if ch.is_whitespace() => out.push(' '),
                    _ => out.push(ch),
                }
            }
        }
    }
    flush(&mut run, &mut hanzi, &mut out);
    out.trim().to_owned()
}

/// Applies sandhi to one run of syllables and appends it.
fn flush(run: &mut Vec<String>, hanzi: &mut Vec<char>, out: &mut String) {
    let tone = |s: &String| s.chars().last().unwrap_or('5');
    for i in 0..run.len() {
        let next = run.get(i + 1).map(&tone);
        let first = i.checked_sub(1).and_then(|b| hanzi.get(b)) == Some(&'第');
        let (Some(syllable), Some(character)) = (run.get_mut(i), hanzi.get(i)) else { continue };
        let alone = next.is_none();
        let changed = match (character, tone(syllable), next) {
            // 不 before a fourth tone rises.
            ('不', _, Some('4')) => Some('2'),
            // 一 before another word, not as a number said by itself or after 第.
            ('一', _, Some('4' | '5')) if !first && !numeral(hanzi.get(i + 1)) => Some('2'),
            ('一', _, Some('1'..='3')) if !first && !alone && !numeral(hanzi.get(i + 1)) => Some('4'),
            // A third tone before another rises.
            (_, '3', Some('3')) => Some('2'),
            _ => None,
        };
        if let Some(tone) = changed {
            syllable.pop();
            syllable.push(tone);
        }
    }
    if !run.is_empty() {
        if out.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            out.push(' ');
        }
        out.push_str(&run.join(" "));
    }
    run.clear();
    hanzi.clear();
}

fn numeral(ch: Option<&char>) -> bool {
    ch.is_some_and(|c| DIGITS.contains(c) || "十百千万".contains(*c))
}

/// Runs of ASCII digits as words: up to four digits as a number (12 → 十二), longer or with a leading zero one by one.
fn spell_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut digits = String::new();
    for ch in text.chars().chain([' ']) {
        if ch.is_ascii_digit() {
            digits.push(ch);
            continue;
        }
        if !digits.is_empty() {
            let one_by_one = digits.len() > 4 || (digits.len() > 1 && digits.starts_with('0'));
            if one_by_one {
                spell_digits(&digits, &mut out);
            } else {
                spell_cardinal(&digits, &mut out);
            }
            digits.clear();
        }
        out.push(ch);
    }
    out.pop();
    out
}

fn spell_digits(digits: &str, out: &mut String) {
    out.extend(digits.bytes().filter_map(|d| DIGITS.get(usize::from(d.wrapping_sub(b'0')))));
}

/// 0–9999: 零, 十二, 一百零五, 两千 is left as 二千.
fn spell_cardinal(digits: &str, out: &mut String) {
    let n: usize = digits.parse().unwrap_or(0);
    if n < 10 {
        return spell_digits(digits, out);
    }
    let mut zero_pending = false;
    let mut begun = false;
    for (unit, name) in [(1000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = n / unit % 10;
        if digit == 0 {
            zero_pending = begun;
            continue;
        }
        if zero_pending {
            out.push('零');
            zero_pending = false;
        }
        // 12 is 十二, but 112 is 一百一十二.
        if !(digit == 1 && unit == 10 && !begun) {
            out.extend(DIGITS.get(digit));
        }
        out.push_str(name);
        begun = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_become_toned_syllables_with_pauses() {
        assert_eq!(to_pinyin("您好，请讲。"), "nin2 hao3, qing2 jiang3.");
        assert_eq!(to_pinyin("银行卡"), "yin2 hang2 ka3");
        assert_eq!(to_pinyin("我家停水了"), "wo3 jia1 ting2 shui3 le5");
    }

    #[test]
    fn tones_change_before_others() {
        assert_eq!(to_pinyin("不是"), "bu2 shi4");
        assert_eq!(to_pinyin("你好"), "ni2 hao3");
        assert_eq!(to_pinyin("一个"), "yi2 ge4");
        assert_eq!(to_pinyin("第一位"), "di4 yi1 wei4");
    }

    #[test]
    fn numbers_are_read_as_numbers_or_digit_by_digit() {
        for (text, words) in [
            ("12", "十二"),
            ("105", "一百零五"),
            ("20", "二十"),
            ("1012", "一千零一十二"),
            ("0", "零"),
            ("95500", "九五五零零"),
            ("007", "零零七"),
        ] {
            assert_eq!(spell_numbers(text), words);
        }
        assert_eq!(to_pinyin("第3位"), "di4 san1 wei4");
        assert_eq!(to_pinyin("请按1。"), "qing3 an4 yi1.");
    }
}
