//! Reload: read the file, check it, compare it with what is in force, and swap one immutable version for the next.
//!
//! One request at a time, on one coroutine; files are read on a helper thread, so that nobody waits for them. A file
//! that cannot be used changes nothing: every version is whole before anybody hears of it.

use crate::log::{self, Who, log_error, log_info};
use crate::router::{RouterHandle, ToRouter};
use crate::rules::Rules;
use crate::rules::source::Source;
use crate::system::census::Census;
use crate::system::listen::Bound;
use crate::worker::context::tcp_options;
use machinarium::channel::Receiver;
use machinarium::channel::oneshot::Reply;
use machinarium::offload::Offload;
use machinarium::{Co, Deadline};
use odyssey_config::{Change, Level, Outcome, Reload};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Changes that are logged one by one; the rest is counted.
const CHANGES_LOGGED: usize = 200;

/// The version in force, for the coroutines of the system machine.
#[derive(Debug)]
pub struct InForce(RefCell<Arc<Rules>>);

impl InForce {
    /// This version.
    pub fn new(rules: Arc<Rules>) -> InForce {
        InForce(RefCell::new(rules))
    }

    /// The version in force.
    pub fn get(&self) -> Arc<Rules> {
        Arc::clone(&self.0.borrow())
    }
}

/// How far a reload goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    /// To the end.
    Apply,
    /// Up to the swap: what would change is told, and nothing does.
    DryRun,
}

/// Why there is no next version: each line names a place and what is wrong there.
pub type Refusal = Vec<String>;

/// Asks for a reload.
pub struct Request {
    /// How far.
    pub plan: Plan,
    /// Who wants to know what came of it; a signal does not.
    pub reply: Option<Reply<Result<Vec<Change>, Refusal>>>,
}

/// Does reloads.
pub struct Reloader {
    /// The version in force.
    pub in_force: Rc<InForce>,
    /// Where the next one comes from.
    pub source: Source,
    /// Who tells the workers.
    pub router: RouterHandle,
    /// Reads files.
    pub offload: Offload,
    /// Has a limit to change.
    pub census: Rc<Census>,
    /// Have socket options to change.
    pub listeners: Vec<Rc<Bound>>,
}

impl Reloader {
    /// Serves requests until cancelled.
    pub fn run(&self, co: &Co, mut requests: Receiver<Request>) {
        let by = Deadline::never("until the process ends");
        while let Ok(Request { plan, reply }) = requests.recv(co, by) {
            let outcome = self.reload(co, plan);
            if let Some(reply) = reply {
                reply.send(outcome).ok();
            }
        }
    }

    fn reload(&self, co: &Co, plan: Plan) -> Result<Vec<Change>, Refusal> {
        let who = Who::NOBODY;
        let path = self.source.path.display();
        match plan {
            Plan::Apply => log_info!(&who, "reload", "importing changes from '{path}'"),
            Plan::DryRun => log_info!(&who, "reload", "looking for changes in '{path}'"),
        }
        match self.next(co) {
            Ok((rules, changes)) => {
                if plan == Plan::Apply {
                    self.swap(co, rules, &changes);
                }
                Ok(changes)
            }
            Err(refusal) => {
                for line in refusal.iter().flat_map(|text| text.lines()) {
                    log_error!(&who, "config", "{line}");
                }
                if plan == Plan::Apply {
                    log_error!(&who, "reload", "nothing was changed: '{path}' cannot be used");
                }
                Err(refusal)
            }
        }
    }

    /// The next version, and how it differs from the one in force.
    fn next(&self, co: &Co) -> Result<(Rules, Vec<Change>), Refusal> {
        let (source, running) = (self.source.clone(), self.in_force.get());
        let by = Deadline::never("files of the local machine are read");
        let read = self.offload.run(co, by, move || compare(&source, &running));
        read.unwrap_or_else(|error| Err(vec![format!("the configuration could not be read: {error}")]))
    }

    /// Lets go of a version: thousands of rules are not freed where clients are served, but on a helper thread.
    fn bury(&self, co: &Co, before: Arc<Rules>) {
        let offload = self.offload.clone();
        co.spawn("old rules", move |co| {
            // Cancelled or not: it is time.
            co.sleep(TAKEN_BY_ALL).ok();
            let bury = move || {
                drop(before);
                // What was read and compared was many times what is kept.
                machinarium::memory::give_back();
            };
            // Whoever is too busy for it leaves it to this thread.
            offload.post(bury).ok();
        });
    }

    /// Puts a version in force.
    fn swap(&self, co: &Co, rules: Rules, changes: &[Change]) {
        let who = Who::NOBODY;
        for change in changes.iter().take(CHANGES_LOGGED) {
            match change.reload {
                Reload::Restart => log_info!(&who, "reload", "{change}: kept as it was until a restart"),
                _ => log_info!(&who, "reload", "{change}"),
            }
        }
        if let Some(more) = changes.len().checked_sub(CHANGES_LOGGED).filter(|more| *more > 0) {
            log_info!(&who, "reload", "and {more} more changes");
        }
        let before = self.in_force.get();
        let rules = Arc::new(rules);
        let replaced = rules.replaced(&before);
        let global = &rules.config.global;
        log::set_level(log::level(global));
        self.census.set_max(global.client_max);
        for listener in &self.listeners {
            if let Err(error) = listener.set_tcp_options(&tcp_options(&rules)) {
                log_error!(&who, "reload", "options of a listener were refused: {error}");
            }
        }
        if global.log_config {
            log::config::rules(&rules.config);
        }
        self.in_force.0.replace(Arc::clone(&rules));
        self.router.say(ToRouter::Rules(rules));
        self.bury(co, before);
        log_info!(&who, "rules", "{replaced} routes created/deleted and scheduled for removal");
    }
}

/// Time in which every worker takes the next version, and so lets go of the one before.
const TAKEN_BY_ALL: Duration = Duration::from_secs(1);

/// Reads, checks and compares. Runs on a helper thread.
fn compare(source: &Source, running: &Rules) -> Result<(Rules, Vec<Change>), Refusal> {
    let Outcome { config, diagnostics } = source.read();
    let lines = |wanted: Level| {
        let found = diagnostics.iter().filter(move |diagnostic| diagnostic.level == wanted);
        found.map(ToString::to_string).collect::<Vec<String>>()
    };
    let Some(config) = config else { return Err(lines(Level::Error)) };
    for line in lines(Level::Warning) {
        log_info!(&Who::NOBODY, "config", "{line}");
    }
    let changes = odyssey_config::diff(&running.config, &config);
    let config = config
        .after_reload(&running.config)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<String>>())?;
    let rules = running
        .next(config)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<String>>())?;
    Ok((rules, changes))
}
