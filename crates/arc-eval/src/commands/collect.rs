//! `arc-eval collect`: what agents on this machine recorded, to a server elsewhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use arc_ship::{Pass, Pump, Target};
use arc_spool::{Ledger, Liveness, Process, Spool};

use super::serve::stop_asked;
use crate::{
    cli::Collect,
    config::Config,
    failure::Failure,
    output::{self, collect::Collected},
};

/// The spool is looked at this often.
const TICK: Duration = Duration::from_millis(500);
/// A process that just died may be waited for this long: its parent may still say how it died.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn run(config: &Config, arguments: &Collect) -> Result<(), Failure> {
    let endpoint = arguments.endpoint.as_deref().unwrap_or(&config.endpoint).trim_end_matches('/').to_owned();
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(Failure::usage(format!("the endpoint is `{endpoint}`: it has to begin with http:// or https://")));
    }
    let target = Target { endpoint, api_key: config.api_key.clone() };
    let spool = Spool::open(config.spool()?);
    let stop = Arc::new(AtomicBool::new(false));
    let stop_asked = stop_asked()?;
    if !arguments.once {
        let from = spool.dir().display();
        output::talk(&format!("collecting from {from} for {}; stop with Ctrl-C", target.endpoint));
    }
    let (is_asked, once, json) = (Arc::clone(&stop), arguments.once, arguments.json);
    let mut work = tokio::task::spawn_blocking(move || collect(&spool, &target, once, json, &is_asked));
    let worked = tokio::select! {
        worked = &mut work => worked,
        () = stop_asked => {
            stop.store(true, Ordering::Relaxed);
            work.await
        }
    };
    worked.context("collect")?
}

fn collect(spool: &Spool, target: &Target, once: bool, json: bool, stop: &AtomicBool) -> Result<(), Failure> {
    let mut pump = Pump::new(spool.clone(), target);
    let mut all = Collected::new(&target.endpoint, spool.dir());
    let begun = Instant::now();
    let is_stopped = || stop.load(Ordering::Relaxed);
    loop {
        let pass = pass(&mut pump, stop)?;
        pass.news.iter().for_each(|news| output::talk(&output::plain(news)));
        all.add(&pass);
        let is_done = pass.unfinished == 0 || begun.elapsed() > PATIENCE || pass.trouble.is_some();
        if is_stopped() || (once && is_done) {
            break;
        }
        if !once && pass.spans + pass.rejected > 0 {
            output::collect::print_pass(&pass, json)?;
        }
        let until = Instant::now() + TICK.max(pump.wait()).min(if once { TICK / 5 } else { Duration::MAX });
        while !is_stopped() && Instant::now() < until {
            thread::sleep(TICK / 10);
        }
    }
    pump.release();
    all.finish(&ledger(spool)?, spool.used_bytes());
    output::collect::print(&all, json)?;
    match all.trouble() {
        Some(trouble) if once => Err(Failure::unreadable(format!(
            "not everything could be delivered: {trouble}\nnothing is lost; run the same command again later"
        ))),
        _ => Ok(()),
    }
}

fn pass(pump: &mut Pump, stop: &AtomicBool) -> Result<Pass, Failure> {
    let progress = output::progress("shipping", 0);
    // A living process that has an endpoint of its own ships itself.
    let wanted = |process: &Process| process.liveness == Liveness::Dead || process.endpoint.is_none();
    let pass = pump.pass(&wanted, &mut |pass| {
        progress.step(&format!("{} spans", pass.spans));
        progress.done();
        !stop.load(Ordering::Relaxed)
    });
    progress.finish();
    Ok(pass.context("read the spool")?)
}

/// Returns the accounts of all processes in one, those whose files are gone included.
fn ledger(spool: &Spool) -> Result<Ledger, Failure> {
    let mut all = Ledger::default();
    for process in spool.processes().context("read the spool")? {
        all.add(&process.ledger);
    }
    for (_, ledger, _) in spool.finished().context("read the spool")? {
        all.add(&ledger);
    }
    Ok(all)
}
