//! What every line says, in each language.

use super::slot::Slot;
use crate::base::Lang;
use crate::nlu::slots::{self, Fault, SlotType, Value};

/// A phrase without a value in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phrase {
    /// First time not understood.
    AskAgain,
    /// First silence.
    NoInput,
    /// The recogniser is busy or absent: lead by keys.
    UseKeys,
    /// The caller wants a person, or nothing else helped.
    ToPerson,
    /// After an answer: anything else?
    AnythingElse,
    /// The end of a call that is done.
    Goodbye,
    /// No agent came in time.
    NobodyFree,
    /// The caller said no to a confirmation.
    AskAfterNo,
    /// A value was asked for, and none was understood.
    NotGot,
    /// A value was asked for, and nothing was said.
    NothingSaid,
    /// A value whose check failed.
    CheckFailed,
    /// The one value that was read back is wrong.
    WhatInstead,
    /// A time without its half of the day.
    WhichHalf,
    /// The beginning of a value was said.
    GoOn,
    /// What was read back may be answered by keys.
    YesNoKeys,
    /// While waiting.
    PleaseHold,
    /// The caller will be called back.
    CallbackBooked,
    /// Before the tone of a voicemail.
    LeaveMessage,
    /// Feature codes of agents' phones.
    SignedIn,
    SignedOut,
    AgentReady,
    AgentNotReady,
}

impl Phrase {
    /// Every phrase, for rendering at load.
    pub const ALL: [Phrase; 22] = [
        Phrase::AskAgain,
        Phrase::NoInput,
        Phrase::UseKeys,
        Phrase::ToPerson,
        Phrase::AnythingElse,
        Phrase::Goodbye,
        Phrase::NobodyFree,
        Phrase::AskAfterNo,
        Phrase::NotGot,
        Phrase::NothingSaid,
        Phrase::CheckFailed,
        Phrase::WhatInstead,
        Phrase::WhichHalf,
        Phrase::GoOn,
        Phrase::YesNoKeys,
        Phrase::PleaseHold,
        Phrase::CallbackBooked,
        Phrase::LeaveMessage,
        Phrase::SignedIn,
        Phrase::SignedOut,
        Phrase::AgentReady,
        Phrase::AgentNotReady,
    ];
}

/// A phrase in `lang`.
pub fn say(phrase: Phrase, lang: Lang) -> &'static str {
    match (phrase, lang) {
        (Phrase::AskAgain, Lang::Zh) => "对不起，我没有听懂。请换一种说法再说一遍。",
        (Phrase::AskAgain, Lang::En) => "Sorry, I did not understand. Please say it again in other words.",
        (Phrase::NoInput, Lang::Zh) => "您好，我没有听到您的声音。请说出您要办的事。",
        (Phrase::NoInput, Lang::En) => "Sorry, I did not hear you. Please tell me what you need.",
        (Phrase::UseKeys, Lang::Zh) => "请用电话按键选择。",
        (Phrase::UseKeys, Lang::En) => "Please use the keys of your phone.",
        (Phrase::ToPerson, Lang::Zh) => "好的，正在为您转接人工服务。",
        (Phrase::ToPerson, Lang::En) => "All right, I am connecting you to a person.",
        (Phrase::AnythingElse, Lang::Zh) => "请问还需要什么帮助？",
        (Phrase::AnythingElse, Lang::En) => "Is there anything else I can do for you?",
        (Phrase::Goodbye, Lang::Zh) => "感谢您的来电，再见。",
        (Phrase::Goodbye, Lang::En) => "Thank you for calling. Goodbye.",
        (Phrase::NobodyFree, Lang::Zh) => "对不起，现在没有空闲的人员。请稍后再来电。再见。",
        (Phrase::NobodyFree, Lang::En) => {
            "Sorry, nobody is free right now. Please call again later. Goodbye."
        }
        (Phrase::AskAfterNo, Lang::Zh) => "好的，那么请再说一遍您要办的事。",
        (Phrase::AskAfterNo, Lang::En) => "All right. Please tell me again what you need.",
        (Phrase::NotGot, Lang::Zh) => "对不起，我没有听清。",
        (Phrase::NotGot, Lang::En) => "Sorry, I did not get that.",
        (Phrase::NothingSaid, Lang::Zh) => "我没有听到您的声音。",
        (Phrase::NothingSaid, Lang::En) => "I did not hear you.",
        (Phrase::CheckFailed, Lang::Zh) => "这个号码不对，请核对一下。",
        (Phrase::CheckFailed, Lang::En) => "That number cannot be right, please check it.",
        (Phrase::WhatInstead, Lang::Zh) => "好的，请再说一遍。",
        (Phrase::WhatInstead, Lang::En) => "All right, what is right?",
        (Phrase::WhichHalf, Lang::Zh) => "是上午还是下午？上午请按1，下午请按2。",
        (Phrase::WhichHalf, Lang::En) => "Is that in the morning, press 1, or in the afternoon, press 2?",
        (Phrase::GoOn, Lang::Zh) => "请继续。",
        (Phrase::GoOn, Lang::En) => "Go on, please.",
        (Phrase::YesNoKeys, Lang::Zh) => "正确请按1，不正确请按2。",
        (Phrase::YesNoKeys, Lang::En) => "If that is right press 1, if not press 2.",
        (Phrase::PleaseHold, Lang::Zh) => "请稍等。",
        (Phrase::PleaseHold, Lang::En) => "Please hold.",
        (Phrase::CallbackBooked, Lang::Zh) => "好的，您的位置已保留，轮到您时我们会回电。再见。",
        (Phrase::CallbackBooked, Lang::En) => {
            "All right. Your place is kept, and we call you when it is your turn. Goodbye."
        }
        (Phrase::LeaveMessage, Lang::Zh) => "请在提示音后留言，留言完毕请按井号键。",
        (Phrase::LeaveMessage, Lang::En) => {
            "Please leave a message after the tone, and press pound when you are done."
        }
        (Phrase::SignedIn, Lang::Zh) => "您已签入。",
        (Phrase::SignedIn, Lang::En) => "You are signed in.",
        (Phrase::SignedOut, Lang::Zh) => "您已签出。",
        (Phrase::SignedOut, Lang::En) => "You are signed out.",
        (Phrase::AgentReady, Lang::Zh) => "您已就绪。",
        (Phrase::AgentReady, Lang::En) => "You are ready.",
        (Phrase::AgentNotReady, Lang::Zh) => "您已示忙。",
        (Phrase::AgentNotReady, Lang::En) => "You are not ready.",
    }
}

/// "You want …, right?"
pub(super) fn confirm(lang: Lang, label: &str) -> String {
    match lang {
        Lang::Zh => format!("您要办的是{label}，对吗？"),
        Lang::En => format!("You are calling about {label}, is that right?"),
    }
}

/// The same for a caller who uses keys.
pub(super) fn confirm_by_key(lang: Lang, label: &str) -> String {
    match lang {
        Lang::Zh => format!("您要办的是{label}。正确请按1，不正确请按2。"),
        Lang::En => format!("You are calling about {label}. If that is right press 1, if not press 2."),
    }
}

/// Values read back: "Account 1 2 3 4, 50 dollars, is that right?", with what it is about if all of it is at stake.
pub(super) fn check(lang: Lang, about: Option<&str>, values: &[(String, String)]) -> String {
    let (join, between) = if lang == Lang::Zh { ("", "；") } else { (" ", "; ") };
    let told: Vec<String> = values.iter().map(|(label, value)| format!("{label}{join}{value}")).collect();
    let told = told.join(between);
    match (lang, about) {
        (Lang::Zh, Some(about)) => format!("您要办的是{about}：{told}，对吗？"),
        (Lang::Zh, None) => format!("{told}，对吗？"),
        (Lang::En, Some(about)) => format!("You are calling about {about}: {told}. Is that right?"),
        (Lang::En, None) => format!("{told}, is that right?"),
    }
}

/// The digits that were said so far, and that more must follow.
pub(super) fn so_far(lang: Lang, digits: &str) -> String {
    let told = slots::say(&Value::Digits(digits.to_owned()), lang);
    match lang {
        Lang::Zh => format!("我听到{told}。请接着说。"),
        Lang::En => format!("I have {told} so far. Please go on."),
    }
}

/// "Which of these is wrong?", by name or key.
pub(super) fn which_wrong(lang: Lang, labels: &[String]) -> String {
    let mut out = if lang == Lang::Zh { "请问哪一项不对？" } else { "Which of these is wrong? " }.to_owned();
    out.extend(labels.iter().zip('1'..='9').map(|(label, key)| key_choice(lang, label, key)));
    out
}

/// What is wrong with a value.
pub(super) fn fault(lang: Lang, slot: &Slot, fault: &Fault) -> String {
    match (fault, &slot.kind, lang) {
        (Fault::Range, SlotType::Number(Some((from, to))), Lang::Zh) => format!("请说{from}到{to}之间的数。"),
        (Fault::Range, SlotType::Number(Some((from, to))), Lang::En) => {
            format!("It has to be between {from} and {to}.")
        }
        (Fault::Length(count), _, Lang::Zh) => format!("我听到{count}位数字，位数不对。"),
        (Fault::Length(count), _, Lang::En) => {
            format!("I have {count} digits, which is not the right number.")
        }
        (Fault::Check | Fault::Range, ..) => say(Phrase::CheckFailed, lang).to_owned(),
    }
}

/// How the value of a slot is keyed; for letters, that it has to be said.
pub(super) fn enter(slot: &Slot, lang: Lang) -> String {
    let menu = slot.menu(lang);
    if !menu.is_empty() {
        return menu.iter().map(|(key, word)| key_choice(lang, word, *key)).collect();
    }
    let zh = lang == Lang::Zh;
    match &slot.kind {
        _ if !slot.can_be_keyed() && zh => "请说出来。人工服务，请按0。",
        _ if !slot.can_be_keyed() => "Please say it. For a person, press 0.",
        SlotType::YesNo if zh => "是请按1，不是请按2。",
        SlotType::YesNo => "For yes press 1, for no press 2.",
        SlotType::Date if zh => "请用按键输入四位数字，两位月份，两位日期。",
        SlotType::Date => "Please key four digits, two for the month and two for the day.",
        SlotType::Time if zh => "请用按键输入四位数字，两位小时，两位分钟，二十四小时制。",
        SlotType::Time => "Please key four digits, two for the hour of twenty-four and two for the minutes.",
        SlotType::When if zh => "请用按键输入八位数字，月份、日期、小时、分钟各两位。",
        SlotType::When => {
            "Please key eight digits, two each for the month, the day, the hour and the minutes."
        }
        SlotType::Duration if zh => "请用按键输入分钟数，按井号键结束。",
        SlotType::Duration => "Please key how many minutes, and press pound.",
        SlotType::Money if zh => "请用按键输入金额，小数点请按星号，按井号键结束。",
        SlotType::Money => "Please key the amount, with star for the point, and press pound.",
        SlotType::IdCard if zh => "请用按键输入十八位号码，字母X请按星号。",
        SlotType::IdCard => "Please key eighteen digits, with star for the letter X.",
        _ if zh => "请用按键输入，按井号键结束。",
        _ => "Please key it in, and press pound.",
    }
    .to_owned()
}

/// "Is it A or B?"
pub(super) fn either(lang: Lang, a: &str, b: &str) -> String {
    match lang {
        Lang::Zh => format!("请问是{a}，请按一，还是{b}，请按二？"),
        Lang::En => format!("Is it {a}, press one, or {b}, press two?"),
    }
}

/// "… , one moment please": what is being done.
pub(super) fn acting(lang: Lang, label: &str) -> String {
    match lang {
        Lang::Zh => format!("好的，{label}，正在为您转接。"),
        Lang::En => format!("All right, {label}. I am connecting you."),
    }
}

/// One choice of the keypad menu.
pub(super) fn key_choice(lang: Lang, label: &str, key: char) -> String {
    match lang {
        Lang::Zh => format!("{label}，请按{key}。"),
        Lang::En => format!("For {label}, press {key}. "),
    }
}

/// The keys that work everywhere.
pub(super) fn menu_end(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "人工服务，请按0。重听，请按星号键。",
        Lang::En => "For a person, press 0. To hear this again, press star.",
    }
}

/// How long the wait is likely to be, between two bounds in seconds.
pub fn wait(lang: Lang, low_s: u32, high_s: u32) -> String {
    let minutes = |s: u32| s.div_ceil(60).max(1);
    let (low, high) = (minutes(low_s), minutes(high_s));
    match (lang, low == high) {
        (Lang::Zh, true) => format!("预计还需等待{high}分钟。"),
        (Lang::Zh, false) => format!("预计还需等待{low}到{high}分钟。"),
        (Lang::En, true) if high == 1 => "Your wait will be about a minute.".to_owned(),
        (Lang::En, true) => format!("Your wait will be about {high} minutes."),
        (Lang::En, false) => format!("Your wait will be between {low} and {high} minutes."),
    }
}

/// "Shall we call you back at …?", the number digit by digit.
pub fn offer_callback(lang: Lang, number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).flat_map(|d| [d, ' ']).collect();
    let digits = digits.trim_end();
    match lang {
        Lang::Zh => format!("我们可以保留您的位置并回电{digits}。同意请按1，继续等待请按2。"),
        Lang::En => format!(
            "We can keep your place and call you back at {digits}. For that press 1, to wait on press 2."
        ),
    }
}

/// The place in the queue, from 1.
pub fn position(lang: Lang, place: usize) -> String {
    match lang {
        Lang::Zh => format!("您现在排在第{place}位，请稍等。"),
        Lang::En => format!("You are number {place} in the queue. Please hold."),
    }
}
