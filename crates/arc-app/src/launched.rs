//! A run that is a whole program, recorded by whoever started it: when it began, and how it ended.
//!
//! It is written into the spool as the traced program itself would write, so it is there whether or not a server runs,
//! and a launcher that is killed leaves a run that says so. What happens inside the program is recorded by the program,
//! which gets the ids.

use std::{path::PathBuf, process::ExitStatus};

use arc_model::{Clock, SpanId, TraceId};
use arc_spool::{Appended, Context, Kind, Options, ProcessEnd, Record, Writer};
use opentelemetry_proto::tonic::{
    common::v1::InstrumentationScope,
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message as _;

use crate::otlp_span::{failed, number, random_ids, text, unsigned};

/// The signal of Ctrl-C.
const SIGINT: i32 = 2;

/// What the one who starts a program says about the run.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// The agent's name.
    pub agent: String,
    /// The agent's version.
    pub version: Option<String>,
    /// The project.
    pub project: String,
    /// The domain it works in.
    pub domain: Option<String>,
    /// The task it is a trial of.
    pub task: Option<String>,
    /// The conversation it is part of.
    pub session: Option<String>,
    /// The command line, as it was typed.
    pub command: Vec<String>,
}

/// A run that was begun and has not ended.
pub struct LaunchedRun<'a> {
    /// The run's id.
    pub trace_id: TraceId,
    /// The id of the program's step.
    pub span_id: SpanId,
    writer: Writer,
    context: Context,
    clock: &'a dyn Clock,
}

impl<'a> LaunchedRun<'a> {
    /// Records that a program is about to start; `None` when the spool takes nothing, which the program must not suffer
    /// from.
    pub fn begin(spool: PathBuf, launch: &Launch, clock: &'a dyn Clock) -> Option<Self> {
        let now = clock.now();
        let (trace_id, span_id) = random_ids(now);
        let mut options = Options::new(spool);
        options.program = format!("arc-eval run {}", launch.command.join(" "));
        let context = context(launch);
        let run = Self { trace_id, span_id, writer: Writer::new(options), context, clock };
        let mut attributes = vec![
            text("gen_ai.operation.name", "invoke_agent"),
            text("gen_ai.agent.name", &launch.agent),
            text("process.command_line", &launch.command.join(" ")),
            number("arc_eval.sequence", 0),
        ];
        let optional = [
            ("gen_ai.agent.version", &launch.version),
            ("arc_eval.domain", &launch.domain),
            ("arc_eval.task", &launch.task),
            ("gen_ai.conversation.id", &launch.session),
        ];
        attributes.extend(optional.iter().filter_map(|(key, value)| Some(text(key, value.as_deref()?))));
        let start = Span {
            trace_id: trace_id.as_bytes().to_vec(),
            span_id: span_id.as_bytes().to_vec(),
            name: format!("run {}", launch.agent),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: unsigned(now),
            attributes,
            ..Span::default()
        };
        (run.append(Kind::SpanStart, &start, unsigned(now)) == Appended::Written).then_some(run)
    }

    /// Records how the program ended: returned, exited with a code, or was ended by a signal.
    pub fn ended(self, status: ExitStatus) {
        use std::os::unix::process::ExitStatusExt as _;
        let (code, signal) = (status.code(), status.signal());
        let (termination, message) = match (code, signal) {
            (Some(0), _) => ("completed", None),
            (_, Some(SIGINT)) => ("cancelled", None),
            (_, Some(signal)) => ("killed", Some(format!("the program was ended by signal {signal}"))),
            (Some(code), None) => ("exited", Some(format!("the program exited with code {code}"))),
            (None, None) => ("killed", Some("how the program ended is not known".to_owned())),
        };
        let mut attributes = vec![text("arc_eval.termination", termination), number("arc_eval.revision", 1)];
        attributes.extend(code.map(|code| number("arc_eval.exit.code", code.into())));
        attributes.extend(signal.map(|signal| number("arc_eval.exit.signal", signal.into())));
        let now = unsigned(self.clock.now());
        let status = message.map(failed);
        let end = Span { end_time_unix_nano: now, attributes, status, ..Span::default() };
        self.append(Kind::SpanEnd, &end, now);
        self.writer.end_process(ProcessEnd::AtExit, now);
    }

    fn append(&self, kind: Kind, part: &Span, time_unix_ns: u64) -> Appended {
        self.writer.append(&Record {
            kind,
            root: true,
            context: &self.context,
            trace_id: *self.trace_id.as_bytes(),
            span_id: *self.span_id.as_bytes(),
            time_unix_ns,
            payload: &part.encode_to_vec(),
        })
    }
}

fn context(launch: &Launch) -> Context {
    let attributes = vec![text("service.name", &launch.agent), text("arc_eval.project", &launch.project)];
    let resource = Resource { attributes, ..Resource::default() };
    let scope = InstrumentationScope { name: "arc-eval run".to_owned(), ..InstrumentationScope::default() };
    Context::new(resource.encode_to_vec(), scope.encode_to_vec())
}
