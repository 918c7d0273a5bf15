//! Holidays that the civil calendar gives: fixed days, the nth weekday of a month, and those that hang on Easter.
//!
//! The lunar calendar is not here: Spring Festival and its like come from a table of the years 2010 to 2040.

use jiff::civil::{Date, Weekday};

/// How a holiday's day is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rule {
    Fixed(i8, i8),
    /// The nth weekday (Monday = 0) of a month; the last is -1.
    Nth(i8, i8, i8),
    /// Days from the fourth Thursday of November.
    AfterThanksgiving(i64),
    /// Days from Easter Sunday (Western).
    Easter(i64),
    /// The solar term of that name (Tomb Sweeping Day).
    Qingming,
    /// Days from the first day of the Chinese year (Spring Festival).
    Spring(i64),
    /// Days from the Dragon Boat Festival and the Mid-Autumn Festival.
    DragonBoat,
    MidAutumn,
}

#[derive(Debug, PartialEq)]
pub(super) struct Holiday {
    /// As callers say it, in both languages.
    pub(super) names: &'static [&'static str],
    pub(super) rule: Rule,
}

const fn holiday(names: &'static [&'static str], rule: Rule) -> Holiday {
    Holiday { names, rule }
}

pub(super) static HOLIDAYS: &[Holiday] = &[
    holiday(
        &[
            "new year's day",
            "new years day",
            "new year day",
            "new year",
            "new year's",
            "new years",
            "元旦",
            "元旦节",
            "新年",
        ],
        Rule::Fixed(1, 1),
    ),
    holiday(&["new year's eve", "new years eve", "new year eve"], Rule::Fixed(12, 31)),
    holiday(
        &[
            "valentine's day",
            "valentines day",
            "valentine",
            "valentine day",
            "情人节",
            "圣瓦伦丁节",
            "圣瓦伦泰节",
        ],
        Rule::Fixed(2, 14),
    ),
    holiday(&["groundhog day", "groundhogs day"], Rule::Fixed(2, 2)),
    holiday(
        &[
            "international women's day",
            "women's day",
            "womens day",
            "妇女节",
            "三八妇女节",
            "国际妇女节",
            "女人节",
            "三八节",
        ],
        Rule::Fixed(3, 8),
    ),
    holiday(&["女生节"], Rule::Fixed(3, 7)),
    holiday(&["植树节"], Rule::Fixed(3, 12)),
    holiday(&["pi day"], Rule::Fixed(3, 14)),
    holiday(&["消费者权益日", "国际消费者权益日", "三一五"], Rule::Fixed(3, 15)),
    holiday(
        &[
            "st patrick's day",
            "saint patrick's day",
            "saint patrick",
            "st patrick",
            "st . patrick",
            "saint patricks day",
            "st paddy's day",
            "st paddys day",
            "st . paddy's day",
            "st . patrick's day",
            "st patricks day",
            "st . patty's day",
            "圣帕特里克节",
        ],
        Rule::Fixed(3, 17),
    ),
    holiday(
        &["april fools", "april fool's day", "april fools day", "april fools '", "april fool's", "愚人节"],
        Rule::Fixed(4, 1),
    ),
    holiday(&["earth day", "世界地球日", "地球日"], Rule::Fixed(4, 22)),
    holiday(&["labor day", "labour day"], Rule::Nth(1, 0, 9)),
    holiday(
        &[
            "may day",
            "mayday",
            "international workers ' day",
            "劳动节",
            "五一",
            "五一劳动节",
            "国际劳动节",
            "五一国际劳动节",
        ],
        Rule::Fixed(5, 1),
    ),
    holiday(&["青年节", "五四青年节", "五四"], Rule::Fixed(5, 4)),
    holiday(&["cinco de mayo"], Rule::Fixed(5, 5)),
    holiday(&["mother's day", "mothers day", "mothers ' day", "母亲节"], Rule::Nth(2, 6, 5)),
    holiday(&["memorial day", "decoration day"], Rule::Nth(-1, 0, 5)),
    holiday(&["father's day", "fathers day", "fathers ' day", "父亲节"], Rule::Nth(3, 6, 6)),
    holiday(
        &["children's day", "childrens day", "儿童节", "六一", "六一儿童节", "国际儿童节"],
        Rule::Fixed(6, 1),
    ),
    holiday(&["juneteenth", "freedom day", "jubilee day"], Rule::Fixed(6, 19)),
    holiday(
        &[
            "independence day",
            "us independence day",
            "fourth of july",
            "4th of july",
            "美国独立日",
            "独立日",
            "美国独立纪念日",
        ],
        Rule::Fixed(7, 4),
    ),
    holiday(&["党的生日", "建党节"], Rule::Fixed(7, 1)),
    holiday(&["canada day", "加拿大国庆日"], Rule::Fixed(7, 1)),
    holiday(&["bastille day"], Rule::Fixed(7, 14)),
    holiday(&["建军节", "八一", "八一建军节"], Rule::Fixed(8, 1)),
    holiday(&["教师节", "teacher's day", "teachers ' day", "teachers day"], Rule::Fixed(9, 10)),
    holiday(&["国庆节", "国庆", "十一", "中国国庆节", "十一国庆节"], Rule::Fixed(10, 1)),
    holiday(&["columbus day", "indigenous peoples ' day", "哥伦布日"], Rule::Nth(2, 0, 10)),
    holiday(
        &["halloween", "halloween day", "hallowe'en", "all hallows ' eve", "万圣节", "万圣夜", "万圣节前夜"],
        Rule::Fixed(10, 31),
    ),
    holiday(&["guy fawkes day", "guy fawkes night", "bonfire night"], Rule::Fixed(11, 5)),
    holiday(&["光棍节", "双十一", "双11", "singles day", "singles ' day"], Rule::Fixed(11, 11)),
    holiday(
        &[
            "veterans day",
            "veteran day",
            "veteran's day",
            "veterans ' day",
            "remembrance day",
            "老兵节",
            "停战日",
        ],
        Rule::Fixed(11, 11),
    ),
    holiday(
        &["thanksgiving", "thanksgiving day", "thanks giving", "thanks giving day", "turkey day", "感恩节"],
        Rule::Nth(4, 3, 11),
    ),
    holiday(
        &["christmas eve", "xmas eve", "圣诞夜", "平安夜", "圣诞前夕", "圣诞节前夕"],
        Rule::Fixed(12, 24),
    ),
    holiday(
        &["christmas", "christmas day", "xmas", "xmas day", "圣诞节", "圣诞", "耶诞节"],
        Rule::Fixed(12, 25),
    ),
    holiday(&["boxing day", "节礼日"], Rule::Fixed(12, 26)),
    holiday(
        &[
            "martin luther king day",
            "martin luther kings day",
            "civil rights day",
            "mlk jr . day",
            "martin luther king jr day",
            "martin luther king , jr . day",
            "martin luther king jr . day",
            "martin luther king's day",
            "mlk day",
            "马丁路德金纪念日",
            "马丁路德金日",
        ],
        Rule::Nth(3, 0, 1),
    ),
    holiday(
        &[
            "presidents day",
            "george washington day",
            "george washington's birthday",
            "president's day",
            "presidents ' day",
            "president day",
            "washington's birthday",
            "总统日",
        ],
        Rule::Nth(3, 0, 2),
    ),
    holiday(&["ash wednesday", "圣灰星期三"], Rule::Easter(-46)),
    holiday(&["shrove tuesday", "mardi gras", "pancake day", "忏悔星期二"], Rule::Easter(-47)),
    holiday(&["palm sunday", "棕枝主日", "圣树主日", "圣枝主日", "基督苦难主日"], Rule::Easter(-7)),
    holiday(
        &[
            "maundy thursday",
            "holy thursday",
            "covenant thursday",
            "covenant thu",
            "神圣星期四",
            "濯足节",
            "圣周四",
            "圣周星期四",
            "设立圣餐日",
        ],
        Rule::Easter(-3),
    ),
    holiday(
        &["good friday", "耶稣受难日", "主受难节", "主受难日", "圣周五", "圣星期五", "受难日"],
        Rule::Easter(-2),
    ),
    holiday(&["easter", "easter sunday", "easter day", "复活节", "主复活日", "复活日"], Rule::Easter(0)),
    holiday(&["easter monday", "复活节星期一"], Rule::Easter(1)),
    holiday(&["ascension day", "ascension thursday", "耶稣升天节"], Rule::Easter(39)),
    holiday(
        &["pentecost", "whit sunday", "white sunday", "五旬节", "圣灵降临节", "圣灵降临日"],
        Rule::Easter(49),
    ),
    holiday(&["whit monday", "monday of the holy spirit", "pentecost monday"], Rule::Easter(50)),
    holiday(&["black friday", "黑色星期五"], Rule::AfterThanksgiving(1)),
    holiday(&["cyber monday"], Rule::AfterThanksgiving(4)),
    holiday(&["epiphany", "three kings ' day", "主显节"], Rule::Fixed(1, 6)),
    holiday(&["all saints ' day", "all saints day", "诸圣节"], Rule::Fixed(11, 1)),
    holiday(
        &[
            "春节",
            "大年初一",
            "chinese new year",
            "chinese new years",
            "chinese lunar new year",
            "chinese lunar new year's day",
            "chinese new years day",
            "chinese new year's day",
            "lunar new year",
            "spring festival",
            "中国新年",
            "农历新年",
            "过年",
            "新春",
        ],
        Rule::Spring(0),
    ),
    holiday(&["除夕", "大年三十", "年三十", "大年夜", "除夕夜"], Rule::Spring(-1)),
    holiday(&["元宵节", "元宵", "灯节", "lantern festival"], Rule::Spring(14)),
    holiday(&["清明节", "清明", "tomb sweeping day", "qingming festival"], Rule::Qingming),
    holiday(&["端午节", "端午", "dragon boat festival"], Rule::DragonBoat),
    holiday(&["中秋节", "中秋", "mid autumn festival", "moon festival"], Rule::MidAutumn),
];

/// Spring Festival, Dragon Boat and Mid-Autumn (the 1st of month 1, the 5th of month 5, the 15th of month 8) of the years
/// from 2010, as civil month and day; computed with the Python package lunardate 0.3.0.
const LUNAR: &[[(i8, i8); 3]] = &[
    [(2, 14), (6, 16), (9, 22)],
    [(2, 3), (6, 6), (9, 12)],
    [(1, 23), (6, 23), (9, 30)],
    [(2, 10), (6, 12), (9, 19)],
    [(1, 31), (6, 2), (9, 8)],
    [(2, 19), (6, 20), (9, 27)],
    [(2, 8), (6, 9), (9, 15)],
    [(1, 28), (5, 30), (10, 4)],
    [(2, 16), (6, 18), (9, 24)],
    [(2, 5), (6, 7), (9, 13)],
    [(1, 25), (6, 25), (10, 1)],
    [(2, 12), (6, 14), (9, 21)],
    [(2, 1), (6, 3), (9, 10)],
    [(1, 22), (6, 22), (9, 29)],
    [(2, 10), (6, 10), (9, 17)],
    [(1, 29), (5, 31), (10, 6)],
    [(2, 17), (6, 19), (9, 25)],
    [(2, 6), (6, 9), (9, 15)],
    [(1, 26), (5, 28), (10, 3)],
    [(2, 13), (6, 16), (9, 22)],
    [(2, 3), (6, 5), (9, 12)],
    [(1, 23), (6, 24), (10, 1)],
    [(2, 11), (6, 12), (9, 19)],
    [(1, 31), (6, 1), (9, 8)],
    [(2, 19), (6, 20), (9, 27)],
    [(2, 8), (6, 10), (9, 16)],
    [(1, 28), (5, 30), (10, 4)],
    [(2, 15), (6, 18), (9, 24)],
    [(2, 4), (6, 7), (9, 13)],
    [(1, 24), (5, 27), (10, 2)],
    [(2, 12), (6, 14), (9, 20)],
];
const LUNAR_FROM: i16 = 2010;

impl Holiday {
    /// Its day in `year`, if the calendar here reaches so far.
    pub(super) fn day(&self, year: i16) -> Option<Date> {
        let lunar = |which: usize| {
            let row = LUNAR.get(usize::try_from(year.checked_sub(LUNAR_FROM)?).ok()?)?;
            let (month, day) = *row.get(which)?;
            Date::new(year, month, day).ok()
        };
        let after =
            |date: Date, days: i64| date.checked_add(jiff::SignedDuration::from_hours(days * 24)).ok();
        match self.rule {
            Rule::Fixed(month, day) => Date::new(year, month, day).ok(),
            Rule::Nth(n, weekday, month) => {
                let weekday = Weekday::from_monday_zero_offset(weekday).ok()?;
                Date::new(year, month, 1).ok()?.nth_weekday_of_month(n, weekday).ok()
            }
            Rule::AfterThanksgiving(days) => {
                after(Date::new(year, 11, 1).ok()?.nth_weekday_of_month(4, Weekday::Thursday).ok()?, days)
            }
            Rule::Easter(days) => after(easter(year)?, days),
            Rule::Qingming => Date::new(year, 4, qingming(year)?).ok(),
            Rule::Spring(days) => after(lunar(0)?, days),
            Rule::DragonBoat => lunar(1),
            Rule::MidAutumn => lunar(2),
        }
    }
}

/// The day of April on which the sun reaches 15° (a calendar rule of thumb, right for 2000 to 2099).
fn qingming(year: i16) -> Option<i8> {
    let y = i32::from(year) - 2000;
    (0..100).contains(&y).then_some((((y * 2422 + 48_100) / 10_000) - y / 4 + i32::from(y == 0)) as i8)
}

/// Easter Sunday of the Gregorian calendar (the anonymous algorithm, Meeus, Astronomical Algorithms, chapter 8).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(year, (n / 31) as i8, (n % 31 + 1) as i8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_falls_where_the_almanacs_have_it() {
        for (year, month, day) in [(2013, 3, 31), (2018, 4, 1), (2024, 3, 31), (2025, 4, 20), (2000, 4, 23)] {
            assert_eq!(easter(year), Date::new(year, month, day).ok());
        }
    }
}
