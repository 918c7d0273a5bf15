//! What every line says, in each language.

use crate::base::Lang;

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
    pub const ALL: [Phrase; 15] = [
        Phrase::AskAgain,
        Phrase::NoInput,
        Phrase::UseKeys,
        Phrase::ToPerson,
        Phrase::AnythingElse,
        Phrase::Goodbye,
        Phrase::NobodyFree,
        Phrase::AskAfterNo,
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
