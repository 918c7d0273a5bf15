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

/// Declares [`Name`], its spellings and its compact forms once.
macro_rules! names {
    ($($variant:ident $text:literal $($compact:literal)?),* $(,)?) => {
        /// A header field name that this program acts on (RFC 3261 §20); all others are `Other`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Name { $($variant,)* Other }

        impl Name {
            /// The field called `name`, long or compact, in any case.
            pub fn of(name: &str) -> Name {
                $(
                    if name.eq_ignore_ascii_case($text) { return Name::$variant; }
                    $(if name.eq_ignore_ascii_case($compact) { return Name::$variant; })?
                )*
                Name::Other
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
    ReferTo "Refer-To" "r",
    ReferredBy "Referred-By" "b",
    ReferSub "Refer-Sub",
    Event "Event" "o",
    SubscriptionState "Subscription-State",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_in_their_compact_form() {
        assert_eq!(Name::of("call-id"), Name::CallId);
        assert_eq!(Name::of("I"), Name::CallId);
        assert_eq!(Name::of("X-Other"), Name::Other);
        assert_eq!(Method::of("INVITE"), Method::Invite);
        assert_eq!(
            Method::of("invite"),
            Method::Other("invite".into()),
            "methods are case-sensitive (RFC 3261 §7.1)"
        );
    }
}
