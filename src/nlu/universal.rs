//! The words that work on every line at every point: a person, repeat, language, goodbye, yes and no.

use super::features::normalise;
use super::han::is_han;
use crate::base::Lang;

/// A wish that needs no intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Universal {
    /// A person, please.
    Person,
    /// Say that again.
    Repeat,
    /// What can I say?
    Help,
    /// To what was before.
    Back,
    /// More slowly, please.
    Slower,
    /// Go on in this language.
    Language(Lang),
    /// The caller is done.
    Goodbye,
}

/// Mandarin phrases count wherever they occur; English ones as whole words in a row.
const PERSON: &[&str] = &[
    "人工",
    "客服",
    "转人",
    "找人",
    "接线员",
    "真人",
    "agent",
    "operator",
    "representative",
    "a person",
    "real person",
    "human",
    "to someone",
    "customer service",
];
const REPEAT: &[&str] = &[
    "再说一遍",
    "重复",
    "没听清",
    "听不懂",
    "再说一次",
    "repeat",
    "say that again",
    "say it again",
    "pardon",
];
const HELP: &[&str] = &["帮助", "help", "help me", "help me please", "what can i say", "有什么"];
const BACK: &[&str] = &[
    "返回",
    "返回上一步",
    "上一步",
    "回到上一步",
    "退回",
    "back",
    "go back",
    "go back please",
    "one step back",
    "start over",
    "重新开始",
];
const SLOWER: &[&str] = &[
    "慢一点",
    "慢点",
    "慢一些",
    "太快了",
    "slower",
    "slow down",
    "more slowly",
    "speak slowly",
    "too fast",
    "hard of hearing",
    "耳朵不好",
    "年纪大了",
];
const ENGLISH: &[&str] = &["英文", "英语", "english"];
const CHINESE: &[&str] = &["中文", "普通话", "chinese", "mandarin"];
const GOODBYE: &[&str] = &["再见", "goodbye", "bye", "bye bye", "that is all", "没有了", "nothing else"];
pub(super) const YES: &[&str] = &[
    "是",
    "是的",
    "对",
    "对的",
    "好",
    "好的",
    "可以",
    "没错",
    "是的没错",
    "嗯",
    "对对",
    "行",
    "yes",
    "yes please",
    "yeah",
    "yep",
    "ok",
    "okay",
    "correct",
    "right",
    "that is right",
    "that is correct",
    "yes it is",
    "yes that is right",
    "sure",
    "yup",
    "agree",
    "agreed",
    "it is ok",
    "没问题",
    "同意",
    "好啊",
    "好呀",
    "好哇",
    "好嘞",
    "可行",
    "中",
    "\u{1f44c}",
    "\u{1f44d}",
];
pub(super) const NO: &[&str] = &[
    "不",
    "不是",
    "不是的",
    "不对",
    "错",
    "错了",
    "不要",
    "没有",
    "不用",
    "不用了",
    "不需要",
    "no",
    "nope",
    "no thank you",
    "that is wrong",
    "wrong",
    "no it is not",
    "that is not right",
    "not",
    "not ok",
    "not okay",
    "disagree",
    "不行",
    "不好",
    "不中",
    "不可以",
    "不同意",
    "拒绝",
    "否定",
    "\u{1f44e}",
];

/// True if `phrase` occurs in the normalised `text`.
fn occurs(text: &str, phrase: &str) -> bool {
    if phrase.chars().any(is_han) {
        text.contains(phrase)
    } else {
        format!(" {text} ").contains(&format!(" {phrase} "))
    }
}

fn any(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|p| occurs(text, p))
}

/// The universal wish in `text`, if there is one. A long sentence that merely contains "help" or "goodbye" is a request.
pub fn universal(text: &str) -> Option<Universal> {
    let text = normalise(text);
    let whole = |phrases: &[&str]| phrases.contains(&text.as_str());
    if any(&text, PERSON) {
        Some(Universal::Person)
    } else if any(&text, ENGLISH) {
        Some(Universal::Language(Lang::En))
    } else if any(&text, CHINESE) {
        Some(Universal::Language(Lang::Zh))
    } else if any(&text, SLOWER) && short(&text) {
        Some(Universal::Slower)
    } else if any(&text, REPEAT) {
        Some(Universal::Repeat)
    } else if whole(HELP) {
        Some(Universal::Help)
    } else if whole(BACK) {
        Some(Universal::Back)
    } else if whole(GOODBYE) {
        Some(Universal::Goodbye)
    } else {
        None
    }
}

/// True if a caller needs time: asks for slower speech, or says why.
pub fn needs_time(text: &str) -> bool {
    any(&normalise(text), SLOWER)
}

/// What is left to be a request: without these words, and without why the caller needs time; the text as it is if that is all.
pub fn without(text: &str, words: &[String]) -> String {
    let mut rest = format!(" {} ", normalise(text));
    let mut take = |phrase: &str| {
        let phrase = if phrase.chars().any(is_han) { phrase.to_owned() } else { format!(" {phrase} ") };
        rest = rest.replace(&phrase, " ");
    };
    SLOWER.iter().for_each(|phrase| take(phrase));
    words.iter().for_each(|phrase| take(&normalise(phrase)));
    let rest = rest.trim().to_owned();
    if rest.is_empty() { text.to_owned() } else { rest }
}

/// True if there is hardly room for a request beside a wish.
fn short(text: &str) -> bool {
    match text.chars().any(is_han) {
        true => text.chars().count() <= 8,
        false => text.split(' ').count() <= 7,
    }
}

/// True if one of `phrases` is said anywhere in `text`: Mandarin as characters, English as whole words.
pub fn says(text: &str, phrases: &[String]) -> bool {
    let text = normalise(text);
    phrases.iter().any(|p| occurs(&text, &normalise(p)))
}

/// Sounds that say "I am listening", and may say yes.
const SOUNDS: &[&str] = &[
    "嗯", "嗯嗯", "嗯哼", "哦", "噢", "喔", "啊", "呃", "额", "唔", "哎", "诶", "mm", "mmm", "mhm", "mm hmm",
    "mm hm", "hm", "hmm", "uh", "uh huh", "um", "ah", "oh", "er",
];
/// The same in words.
const NODS: &[&str] = &[
    "好",
    "好的",
    "好吧",
    "行",
    "知道了",
    "明白",
    "明白了",
    "哦好",
    "ok",
    "okay",
    "all right",
    "alright",
    "right",
    "i see",
    "got it",
];
/// Sounds that mean yes where yes or no was asked.
const YES_SOUNDS: &[&str] = &["嗯嗯", "嗯哼", "mm", "mmm", "mhm", "mm hmm", "mm hm", "uh huh"];

/// True if `text` is no more than a nod to who speaks: "嗯", "uh-huh", "OK". A plain yes or no is more than that.
pub fn is_back_channel(text: &str) -> bool {
    let text = normalise(text);
    [SOUNDS, NODS].iter().any(|list| list.contains(&text.as_str()))
}

/// What a waiting caller may want of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingWish {
    /// To be called back.
    CallBack,
    /// Not to wait any longer.
    Leave,
}

const CALL_BACK: &[&str] =
    &["回电", "回拨", "打给我", "打回来", "call me back", "call back", "callback", "ring me back"];
const LEAVE: &[&str] = &["不等了", "不用等了", "算了", "never mind", "i will call again", "i'll call again"];

/// What a waiting caller wants, if it says so: everything else is said to somebody else in the room.
pub fn while_waiting(text: &str) -> Option<WaitingWish> {
    let normal = normalise(text);
    if any(&normal, CALL_BACK) {
        Some(WaitingWish::CallBack)
    } else if any(&normal, LEAVE) || universal(text) == Some(Universal::Goodbye) {
        Some(WaitingWish::Leave)
    } else {
        None
    }
}

/// Yes, no, or neither. The whole answer must be one ("不是" is no although it contains "是"); of a longer one the
/// first word or characters decide, and the rest comes back: "no, the power is out" → (no, "the power is out").
pub fn yes_no(text: &str) -> Option<(bool, String)> {
    let text = normalise(text);
    for (phrases, answer) in [(NO, false), (YES, true)] {
        if phrases.contains(&text.as_str()) {
            return Some((answer, String::new()));
        }
    }
    if YES_SOUNDS.contains(&text.as_str()) {
        return Some((true, String::new()));
    }
    let mut best: Option<(usize, bool)> = None;
    for (phrases, answer) in [(NO, false), (YES, true)] {
        for phrase in phrases {
            // One character alone is too weak a beginning for a sentence: 不 begins 不亮.
            if phrase.chars().count() > 1
                && text
                    .strip_prefix(phrase)
                    .is_some_and(|rest| rest.starts_with(' ') || phrase.chars().any(is_han))
                && best.is_none_or(|(length, _)| phrase.len() > length)
            {
                best = Some((phrase.len(), answer));
            }
        }
    }
    best.map(|(length, answer)| (answer, text.get(length..).unwrap_or_default().trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_can_be_asked_for_in_any_sentence() {
        for text in
            ["人工", "我要转人工服务", "I want to speak to a person", "Agent!", "talk to an agent please"]
        {
            assert_eq!(universal(text), Some(Universal::Person), "{text}");
        }
        assert_eq!(universal("my agenda"), None);
    }

    #[test]
    fn yes_and_no_are_told_apart_and_the_rest_is_kept() {
        assert_eq!(yes_no("是的"), Some((true, String::new())));
        assert_eq!(yes_no("不是"), Some((false, String::new())));
        assert_eq!(yes_no("No, the power is out"), Some((false, "the power is out".into())));
        assert_eq!(yes_no("不是我家停电了"), Some((false, "我家停电了".into())));
        assert_eq!(yes_no("我家停水了"), None);
        assert_eq!(yes_no("不亮"), None);
    }

    #[test]
    fn traditional_characters_say_the_same_as_simplified_ones() {
        assert_eq!(universal("我要轉人工"), Some(Universal::Person));
        assert_eq!(universal("請再說一遍"), Some(Universal::Repeat));
        assert_eq!(yes_no("不對"), Some((false, String::new())));
        assert!(says("變壓器著火了", &["着火".to_owned()]) && says("着火了", &["著火".to_owned()]));
    }

    #[test]
    fn a_nod_is_no_answer_by_itself_and_a_plain_yes_or_no_is_no_nod() {
        for text in ["嗯", "嗯嗯。", "Uh-huh.", "mm-hmm", "OK", "好的", "I see", "Mm"] {
            assert!(is_back_channel(text), "{text}");
        }
        for text in ["是的", "yes", "no", "不是", "人工", "OK my water is off", "嗯我要挂失", ""] {
            assert!(!is_back_channel(text), "{text}");
        }
        assert_eq!(
            (yes_no("uh-huh"), yes_no("嗯")),
            (Some((true, String::new())), Some((true, String::new())))
        );
        assert_eq!(yes_no("mm no"), None);
    }

    #[test]
    fn a_waiting_caller_may_ask_to_be_called_back_or_leave_and_talk_to_others() {
        assert_eq!(while_waiting("can you call me back"), Some(WaitingWish::CallBack));
        assert_eq!(while_waiting("给我回电吧"), Some(WaitingWish::CallBack));
        assert_eq!(while_waiting("算了不等了"), Some(WaitingWish::Leave));
        assert_eq!(while_waiting("goodbye"), Some(WaitingWish::Leave));
        assert_eq!(while_waiting("饭做好了吗"), None);
    }

    #[test]
    fn a_request_is_what_is_left_without_anger_and_reasons() {
        let words = ["太差了".to_owned(), "ridiculous".to_owned()];
        assert_eq!(without("你们太差了，我家停水了", &words), "你们  我家停水了");
        assert_eq!(without("This is ridiculous, my water is off!", &words), "this is my water is off");
        assert_eq!(without("太差了", &words), "太差了");
        assert_eq!(without("我年纪大了 请问几点开门", &[]), "我  请问几点开门");
    }

    #[test]
    fn language_and_repeat_and_goodbye() {
        assert_eq!(universal("English please"), Some(Universal::Language(Lang::En)));
        assert_eq!(universal("说中文"), Some(Universal::Language(Lang::Zh)));
        assert_eq!(universal("请再说一遍"), Some(Universal::Repeat));
        assert_eq!(universal("再见"), Some(Universal::Goodbye));
        assert_eq!(universal("help"), Some(Universal::Help));
        assert_eq!(universal("返回"), Some(Universal::Back));
        assert_eq!(universal("请说慢一点"), Some(Universal::Slower));
        assert_eq!(universal("我年纪大了想问一下社保怎么办"), None);
        assert!(needs_time("我年纪大了想问一下社保怎么办") && !needs_time("我家停水了"));
        assert_eq!(universal("could you speak more slowly please"), Some(Universal::Slower));
        assert_eq!(universal("I want my money back"), None);
        assert_eq!(universal("help my water is off"), None);
    }
}
