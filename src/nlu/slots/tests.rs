use super::cases::{Case, Report};
use super::*;

const NOW: DateTime = DateTime::constant(2026, 3, 2, 9, 30, 0, 0);

fn slot(text: &str) -> SlotType {
    SlotType::parse(text).unwrap()
}

/// What is found, each as its kind and what reads it back.
#[track_caller]
fn found(kind: &str, lang: Lang, text: &str) -> Vec<String> {
    extract(&slot(kind), lang, text, NOW).iter().map(|f| say(&f.value, lang)).collect()
}

#[track_caller]
fn first(kind: &str, lang: Lang, text: &str) -> Found {
    let all = extract(&slot(kind), lang, text, NOW);
    assert!(!all.is_empty(), "nothing in {text}");
    all[0].clone()
}

#[test]
fn numbers_are_read_as_they_are_spoken() {
    for (text, value) in [
        ("two hundred and five", 205.0),
        ("minus three point two five", -3.25),
        ("two and a half", 2.5),
        ("a dozen", 12.0),
        ("five eighths", 0.625),
        ("1,234,567", 1_234_567.0),
    ] {
        assert_eq!(first("number", Lang::En, text).value, Value::Number(value), "{text}");
    }
    for (text, value) in [
        ("三万五", 35_000.0),
        ("一百零二", 102.0),
        ("负三点五", -3.5),
        ("廿五", 25.0),
        ("两亿三千万", 2.3e8),
        ("三分之二", 2.0 / 3.0),
    ] {
        assert_eq!(first("number", Lang::Zh, text).value, Value::Number(value), "{text}");
    }
}

#[test]
fn a_number_outside_its_range_is_found_with_the_fault() {
    assert_eq!(first("number(1..10)", Lang::En, "twelve").fault, Some(Fault::Range));
    assert_eq!(first("number(1..12)", Lang::En, "twelve").fault, None);
}

#[test]
fn digits_are_strung_together_with_doubles_and_corrections() {
    for (lang, text, digits) in [
        (Lang::En, "double five triple two oh one", "5522201"),
        (Lang::En, "one two three no four", "124"),
        (Lang::En, "twenty three forty", "2340"),
        (Lang::Zh, "幺三八零零", "13800"),
        (Lang::Zh, "五六八，不对，是七", "567"),
        (Lang::Zh, "三个八幺二", "88812"),
    ] {
        assert_eq!(first("digits", lang, text).value, Value::Digits(digits.into()), "{text}");
    }
    assert_eq!(first("digits(4..6)", Lang::En, "one two three").fault, Some(Fault::Length(3)));
}

#[test]
fn phones_keep_country_and_extension() {
    let phone =
        |n: &str, e: Option<&str>| Value::Phone(Phone { number: n.into(), extension: e.map(Into::into) });
    assert_eq!(first("phone", Lang::En, "(650) 701-8887 ext 897").value, phone("6507018887", Some("897")));
    assert_eq!(first("phone", Lang::En, "it's +44 (0)161 123 4567").value, phone("+441611234567", None));
    assert_eq!(
        first("phone", Lang::Zh, "我的电话是幺三八零零一三八零零零").value,
        phone("13800138000", None)
    );
    assert!(found("phone", Lang::En, "my account 12345678").is_empty());
}

#[test]
fn money_takes_small_units_along() {
    let money = |amount: f64, currency: &str| Value::Money(Money { amount, currency: currency.into() });
    assert_eq!(first("money", Lang::En, "twenty dollars and fifty cents").value, money(20.5, "USD"));
    assert_eq!(first("money", Lang::Zh, "三块五").value, money(3.5, "CNY"));
    assert_eq!(first("money", Lang::Zh, "一百二十元五角").value, money(120.5, "CNY"));
    assert_eq!(first("money", Lang::En, "$3.15").value, money(3.15, "USD"));
}

#[test]
fn dates_and_times_count_from_the_reference() {
    for (lang, text, says) in [
        (Lang::En, "next friday at half past three pm", "Friday, March 13, 2026 at 3:30 PM"),
        (Lang::En, "the day after tomorrow", "Wednesday, March 4, 2026"),
        (Lang::En, "in three days", "Thursday, March 5, 2026"),
        (Lang::En, "quarter to five pm", "4:45 PM"),
        (Lang::En, "from 3 to 5 pm", "3 PM to 5 PM"),
        (Lang::En, "from monday to friday", "Monday, March 2, 2026 to Friday, March 6, 2026"),
        (Lang::Zh, "下周三下午三点半", "2026年3月11日，星期三下午3点半"),
        (Lang::Zh, "大后天", "2026年3月5日，星期四"),
        (Lang::Zh, "三天后", "2026年3月5日，星期四"),
        (Lang::Zh, "除夕", "2027年2月5日，星期五"),
    ] {
        assert_eq!(found("when", lang, text), [says], "{text}");
    }
}

#[test]
fn a_fraction_parts_where_the_divisor_takes_most() {
    for (text, value) in [
        ("one hundred and thirty two fifths", 26.4),
        ("two hundred and fifty four hundredths", 200.54),
        ("ninety five hundred fifths", 1900.0),
        ("five and a half million", 5.5e6),
        ("one in twenty", 0.05),
    ] {
        assert_eq!(first("number", Lang::En, text).value, Value::Number(value), "{text}");
    }
}

#[test]
fn a_numeral_within_a_word_counts_nothing() {
    for text in ["四川", "一下", "统一", "两三百", "美味十足"] {
        assert!(found("number", Lang::Zh, text).is_empty(), "{text}");
    }
}

#[test]
fn stretches_are_told_by_bounds_lengths_and_edges() {
    for (lang, text, says) in [
        (Lang::En, "from the 1st until the 7th", "Wednesday, April 1, 2026 to Tuesday, April 7, 2026"),
        (Lang::En, "2pm for two hours", "2 PM to 4 PM"),
        (Lang::En, "monday 8 to 9 am", "Monday, March 2, 2026 at 8 AM to Monday, March 2, 2026 at 9 AM"),
        (Lang::En, "the first two weeks of 2021", "Monday, January 4, 2021 to Sunday, January 17, 2021"),
        (Lang::En, "this summer", "Sunday, June 21, 2026 to Tuesday, September 22, 2026"),
        (Lang::Zh, "今年的最后三周", "2026年12月14日，星期一到2027年1月3日，星期日"),
    ] {
        assert_eq!(found("when", lang, text), [says], "{text}");
    }
}

#[test]
fn working_days_pass_over_the_weekend() {
    assert_eq!(found("when", Lang::En, "five business days from now"), ["Monday, March 9, 2026"]);
}

#[test]
fn an_hour_without_its_half_of_the_day_says_so() {
    let open = |text: &str| match first("when", Lang::En, text).value {
        Value::When(w) => w.half_open,
        other => panic!("{other:?}"),
    };
    assert!(open("tomorrow at five") && !open("tomorrow at five pm") && !open("tomorrow at 17:00"));
}

#[test]
fn numbers_with_a_check_say_when_it_fails() {
    assert_eq!(first("id-card", Lang::Zh, "11010519491231002X").fault, None);
    assert_eq!(first("id-card", Lang::Zh, "110105194912310021").fault, Some(Fault::Check));
    assert_eq!(first("bank-card", Lang::En, "4111 1111 1111 1112").fault, Some(Fault::Check));
}

#[test]
fn plates_and_postcodes_are_spelled_in_many_ways() {
    for (kind, lang, text, code) in [
        ("plate", Lang::Zh, "京A12345", "京A12345"),
        ("plate", Lang::Zh, "沪ad12345", "沪AD12345"),
        ("plate", Lang::Zh, "粤b一二三四五", "粤B12345"),
        ("postcode(uk)", Lang::En, "s w one a two a a", "SW1A2AA"),
        ("postcode(uk|us)", Lang::En, "94103", "94103"),
        ("code(AA99)", Lang::En, "alpha bravo one two", "AB12"),
    ] {
        assert_eq!(first(kind, lang, text).value, Value::Digits(code.into()), "{text}");
    }
}

#[test]
fn a_list_is_chosen_from_by_name_by_sound_and_by_place() {
    let kind = "choice(savings=储蓄账户|credit=信用卡|mortgage)";
    for (lang, text, name) in [
        (Lang::En, "the second one", "credit"),
        (Lang::En, "morgage please", "mortgage"),
        (Lang::Zh, "最后一个", "mortgage"),
        (Lang::Zh, "信用咖", "credit"),
        (Lang::Zh, "第一个", "savings"),
    ] {
        assert_eq!(first(kind, lang, text).value, Value::Choice(name.into()), "{text}");
    }
}

#[test]
fn several_slots_are_filled_from_one_sentence() {
    let slots = [slot("name(Beijing=北京|Shanghai=上海)"), slot("when"), slot("number")];
    let all = extract_all(&slots, Lang::Zh, "明天去上海两张票", NOW);
    let values: Vec<Option<String>> = all.into_iter().map(|f| f.map(|f| say(&f.value, Lang::Zh))).collect();
    assert_eq!(values, [Some("Shanghai".into()), Some("2026年3月3日，星期二".into()), Some("2".into())]);
}

#[test]
fn what_was_read_back_can_be_corrected() {
    let digits = |d: &str| Value::Digits(d.into());
    for (lang, old, text, new) in [
        (Lang::En, "12355", "not 5, 6", "12356"),
        (Lang::En, "1234", "no seven", "1237"),
        (Lang::En, "12345678", "the last four are one two three four", "12341234"),
        (Lang::Zh, "12345678", "最后四位是一二三四", "12341234"),
        (Lang::Zh, "12355", "不是五是六", "12356"),
    ] {
        assert_eq!(correct(&slot("digits"), lang, &digits(old), text, NOW), Some(digits(new)), "{text}");
    }
    let old = first("when", Lang::En, "tomorrow at three pm").value;
    let new = correct(&slot("when"), Lang::En, &old, "no at four pm", NOW).unwrap();
    assert_eq!(say(&new, Lang::En), "Tuesday, March 3, 2026 at 4 PM");
}

#[test]
fn no_text_makes_it_panic() {
    let with_arguments = ["digits(1..64)", "choice(a|b)", "postcode(uk)", "code(X9)"];
    let kinds: Vec<&str> = SlotType::PLAIN.iter().copied().chain(with_arguments).collect();
    let words = "from to the of 5 99999999999999999999 . - / : + ( ) % 第 点 分之 年 月 号 前 后 上 下 半 百 亿 between quarter half \
                 last next in week may double no not 不对 是 差 a hundred th $ 块 零 个 february 31 10000";
    let words: Vec<&str> = words.split(' ').collect();
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let text: Vec<&str> = (0..rng.usize(1..12)).map(|_| words[rng.usize(..words.len())]).collect();
        let text = text.join(if rng.bool() { " " } else { "" });
        for kind in &kinds {
            for lang in Lang::ALL {
                for found in extract(&slot(kind), lang, &text, NOW) {
                    assert_eq!(text.get(found.span.clone()), Some(found.text.as_str()));
                    assert!(!say(&found.value, lang).is_empty(), "{text}: {found:?}");
                    let _ = correct(&slot(kind), lang, &found.value, &text, NOW);
                }
            }
        }
    }
}

/// The figures that were reached, in percent, as floors.
#[test]
fn public_cases_are_found_as_well_as_they_were() {
    let floors: [(&str, &[(&str, f64)]); 2] = [
        (
            "recognizers_cases.jsonl",
            &[
                ("number zh", 96.0),
                ("number en", 95.0),
                ("phone zh", 97.0),
                ("phone en", 97.0),
                ("money zh", 93.0),
                ("money en", 89.0),
                ("duration zh", 71.0),
                ("duration en", 92.0),
                ("when zh", 90.5),
                ("when en", 89.5),
                ("yes-no zh", 97.0),
                ("yes-no en", 95.0),
            ],
        ),
        (
            "duckling_cases.jsonl",
            &[
                ("number zh", 95.0),
                ("number en", 97.0),
                ("phone en", 100.0),
                ("card en", 100.0),
                ("money zh", 79.0),
                ("money en", 96.0),
                ("duration zh", 93.0),
                ("duration en", 100.0),
                ("when zh", 98.5),
                ("when en", 92.5),
            ],
        ),
    ];
    for (file, floors) in floors {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/slots").join(file);
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: {} is not here", path.display());
            continue;
        };
        let mut report = Report::default();
        text.lines().for_each(|line| report.add(&Case::read(line, NOW).unwrap()));
        for (family, floor) in floors {
            let percent = report.families[*family].percent();
            assert!(percent >= *floor, "{file}: {family}: {percent:.1} % is below {floor}");
        }
    }
}
