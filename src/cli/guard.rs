//! `trunkline guard`: what is banned, dropped and refused at the SIP edge, and what is alive there.

use super::Places;
use super::ops::{done, one};
use clap::Args;
use std::net::IpAddr;
use trunkline::drive::control::{Action, Answer, Ask};

/// Show what the SIP edge has banned, dropped and refused, or ban and unban a source.
#[derive(Debug, Args)]
pub(super) struct Guard {
    /// Drop what comes from this address, but for calls in progress.
    #[arg(long, value_name = "IP", conflicts_with = "unban")]
    ban: Option<IpAddr>,
    /// How long, in place of a day.
    #[arg(long = "for", value_name = "SECONDS", requires = "ban")]
    for_s: Option<u64>,
    /// End the ban of this address and forget what it has done.
    #[arg(long, value_name = "IP")]
    unban: Option<IpAddr>,
}

pub(super) async fn guard(args: Guard, places: &Places) -> Result<(), String> {
    let data = places.data()?;
    if let Some(source) = args.ban {
        return done(&data, Ask::Do { action: Action::Ban { source, for_s: args.for_s } }).await;
    }
    if let Some(source) = args.unban {
        return done(&data, Ask::Do { action: Action::Unban { source } }).await;
    }
    let Answer::Guard { bans, dropped, refused, alive, overloaded } = one(&data, &Ask::Guard).await? else {
        return Err("the server answered something else".into());
    };
    outln!("{} banned", bans.len());
    for b in bans {
        outln!("  {:<40} {} (no. {}), {} s left", b.source, b.why, b.times, b.left_s);
    }
    for (title, counts) in [("dropped without an answer", dropped), ("refused", refused), ("alive", alive)] {
        outln!("{title}");
        for (what, count) in counts {
            outln!("  {what:<40} {count}");
        }
    }
    if overloaded {
        outln!("OVERLOAD: new calls get 503");
    }
    Ok(())
}
