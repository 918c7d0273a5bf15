//! Names on the wire: methods and header fields.
//!
//! In: the octets of a name. Out: an enum to match on. Method names are case-sensitive, header names are not and some
//! have a one-letter form (RFC 3261 §7.1, §7.3.1, §7.3.3).

use std::fmt;

/// A request method (RFC 3261 §7.1). Extension methods keep their name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Info,
    Update,
    Prack,
    Subscribe,
    Notify,
    Refer,
    Message,
    Publish,
    /// A method this program has never heard of: answered 501.
    Other(String),
}

impl Method {
    /// The method called `name`.
    pub fn of(name: &str) -> Method {
        match name {
            "INVITE" => Method::Invite,
            "ACK" => Method::Ack,
            "BYE" => Method::Bye,
            "CANCEL" => Method::Cancel,
            "OPTIONS" => Method::Options,
            "REGISTER" => Method::Register,
            "INFO" => Method::Info,
            "UPDATE" => Method::Update,
            "PRACK" => Method::Prack,
            "SUBSCRIBE" => Method::Subscribe,
            "NOTIFY" => Method::Notify,
            "REFER" => Method::Refer,
            "MESSAGE" => Method::Message,
            "PUBLISH" => Method::Publish,
            other => Method::Other(other.to_owned()),
        }
    }

    /// The name as it stands on the wire.
    pub fn text(&self) -> &str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Options => "OPTIONS",
            Method::Register => "REGISTER",
            Method::Info => "INFO",
            Method::Update => "UPDATE",
            Method::Prack => "PRACK",
            Method::Subscribe => "SUBSCRIBE",
            Method::Notify => "NOTIFY",
            Method::Refer => "REFER",
            Method::Message => "MESSAGE",
            Method::Publish => "PUBLISH",
            Method::Other(name) => name,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Where a spelling is looked for: one more than its place in [`SPELLINGS`], or 0. Each message asks for fifteen names.
static SLOTS: [u8; 256] = {
    let mut slots = [0; 256];
    let mut i = 0;
    while i < SPELLINGS.len() {
        let mut at = slot(SPELLINGS[i].0.as_bytes());
        while slots[at] != 0 {
            at = (at + 1) % slots.len();
        }
        slots[at] = i as u8 + 1;
        i += 1;
    }
    slots
};

/// By length, first and last letter, whatever their case.
const fn slot(name: &[u8]) -> usize {
    match name {
        [] => 0,
        [first, .., last] => {
            ((*first as usize | 32) * 7 + (*last as usize | 32) * 31 + name.len() * 13) % 256
        }
        [only] => (*only as usize | 32) * 7 % 256,
    }
}

/// Declares [`Name`], its spellings and its compact forms once.
macro_rules! names {
    ($($variant:ident $text:literal $($compact:literal)?),* $(,)?) => {
        /// A header field name that this program acts on (RFC 3261 §20); all others are `Other`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Name { $($variant,)* Other }

        /// Every spelling with its name.
        const SPELLINGS: &[(&str, Name)] =
            &[$(($text, Name::$variant), $(($compact, Name::$variant),)?)*];

        impl Name {
            /// The field called `name`, long or compact, in any case.
            pub fn of(name: &[u8]) -> Name {
                let mut slot = slot(name);
                while let Some((text, found)) = SLOTS[slot].checked_sub(1).and_then(|i| SPELLINGS.get(i as usize)) {
                    // Most write it as the RFC does.
                    if name == text.as_bytes() || name.eq_ignore_ascii_case(text.as_bytes()) {
                        return *found;
                    }
                    slot = (slot + 1) % SLOTS.len();
                }
                Name::Other
            }

            /// How many there are.
            pub(super) const COUNT: usize = Name::Other as usize + 1;

            /// One bit of 64 for each name.
            pub(super) fn bit(self) -> u64 {
                1 << self as u64
            }

            /// The long form; empty for `Other`.
            pub fn text(self) -> &'static str {
                match self { $(Name::$variant => $text,)* Name::Other => "" }
            }
        }
    };
}

names! {
    Via "Via" "v",
    From "From" "f",
    To "To" "t",
    CallId "Call-ID" "i",
    CSeq "CSeq",
    Contact "Contact" "m",
    MaxForwards "Max-Forwards",
    ContentLength "Content-Length" "l",
    ContentType "Content-Type" "c",
    ContentEncoding "Content-Encoding" "e",
    Route "Route",
    Path "Path",
    RecordRoute "Record-Route",
    Require "Require",
    Expires "Expires",
    MinExpires "Min-Expires",
    Authorization "Authorization",
    ProxyAuthorization "Proxy-Authorization",
    WwwAuthenticate "WWW-Authenticate",
    ProxyAuthenticate "Proxy-Authenticate",
    RetryAfter "Retry-After",
    Allow "Allow",
    Accept "Accept",
    Supported "Supported" "k",
    Unsupported "Unsupported",
    UserAgent "User-Agent",
    Server "Server",
    Reason "Reason",
    PAssertedIdentity "P-Asserted-Identity",
    Privacy "Privacy",
    Diversion "Diversion",
    HistoryInfo "History-Info",
    PCalledPartyId "P-Called-Party-ID",
    ReferTo "Refer-To" "r",
    Replaces "Replaces",
    ReferredBy "Referred-By" "b",
    ReferSub "Refer-Sub",
    Event "Event" "o",
    SubscriptionState "Subscription-State",
    SessionExpires "Session-Expires" "x",
    MinSe "Min-SE",
    RSeq "RSeq",
    RAck "RAck",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_in_their_compact_form() {
        assert_eq!(Name::of(b"call-id"), Name::CallId);
        assert_eq!(Name::of(b"I"), Name::CallId);
        assert_eq!(Name::of(b"X-Other"), Name::Other);
        assert_eq!(Method::of("INVITE"), Method::Invite);
        assert_eq!(
            Method::of("invite"),
            Method::Other("invite".into()),
            "methods are case-sensitive (RFC 3261 §7.1)"
        );
    }
}
