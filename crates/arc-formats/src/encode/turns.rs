//! Messages in the order and the form that both APIs accept: every result after its call, every call with an id.

use std::collections::{BTreeSet, VecDeque};

use arc_model::{Message, Part, Payload, Role, treated};

use super::{Ask, CannotEncode};

/// A piece of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Turn {
    /// Instructions.
    System(String),
    /// What the user says and shows.
    User(Vec<Said>),
    /// What the model said, and the calls it asked for.
    Assistant(Vec<String>, Vec<Call>),
    /// What tools returned: the ids of the calls, and the results.
    Results(Vec<(String, String)>),
}

/// A piece of what the user says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    Text(String),
    /// The address of a picture.
    Picture(String),
}

/// A call that the model asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Payload,
}

/// Ids are cut to this length; both APIs refuse longer ones.
const LONGEST_ID: usize = 64;

/// Puts the messages of a call in order.
pub(super) fn read(ask: &Ask<'_>, left_out: &mut BTreeSet<String>) -> Result<Vec<Turn>, CannotEncode> {
    let mut reader = Reader { turns: Vec::new(), open: VecDeque::new(), ids: 0 };
    if let Some(system) = ask.system {
        reader.turns.push(Turn::System(system.to_owned()));
    }
    for message in ask.messages {
        if message.parts.iter().any(is_treated) {
            return Err(CannotEncode::ContentTreated);
        }
        match &message.role {
            Role::System if ask.system.is_some() => {}
            Role::System => reader.turns.push(Turn::System(texts(message)?.join("\n"))),
            Role::User => reader.user(message)?,
            Role::Tool => reader.tool(message)?,
            Role::Assistant => reader.assistant(message, left_out)?,
            Role::Other(_) => return Err(CannotEncode::UnknownPart),
        }
    }
    if !reader.open.is_empty() {
        return Err(CannotEncode::NoResult);
    }
    let has_words = reader.turns.iter().any(|turn| !matches!(turn, Turn::System(_)));
    if has_words { Ok(reader.turns) } else { Err(CannotEncode::NoMessages) }
}

struct Reader {
    turns: Vec<Turn>,
    /// Calls without a result so far, by the id that was recorded and the id that is sent.
    open: VecDeque<(Option<String>, String)>,
    ids: usize,
}

impl Reader {
    fn user(&mut self, message: &Message) -> Result<(), CannotEncode> {
        let mut said = Vec::new();
        for part in &message.parts {
            match part {
                Part::Text { text } if text.trim().is_empty() => {}
                Part::Text { text } => said.push(Said::Text(text.clone())),
                Part::Media { mime_type, reference } => said.push(picture(mime_type.as_deref(), reference)?),
                Part::ToolResult { id, result } => self.result(id.as_deref(), result)?,
                _ => return Err(CannotEncode::UnknownPart),
            }
        }
        if !said.is_empty() {
            self.close()?;
            self.turns.push(Turn::User(said));
        }
        Ok(())
    }

    fn tool(&mut self, message: &Message) -> Result<(), CannotEncode> {
        for part in &message.parts {
            match part {
                Part::ToolResult { id, result } => self.result(id.as_deref(), result)?,
                Part::Text { text } => self.result(None, &Payload::Text(text.clone()))?,
                Part::Media { .. } => return Err(CannotEncode::InlineMedia),
                _ => return Err(CannotEncode::UnknownPart),
            }
        }
        Ok(())
    }

    fn assistant(&mut self, message: &Message, left_out: &mut BTreeSet<String>) -> Result<(), CannotEncode> {
        let (mut said, mut calls) = (Vec::new(), Vec::new());
        self.close()?;
        for part in &message.parts {
            match part {
                Part::Text { text } if text.trim().is_empty() => {}
                Part::Text { text } => said.push(text.clone()),
                Part::Reasoning { .. } => {
                    left_out.insert("the reasoning of earlier answers".to_owned());
                }
                Part::ToolCall { id, name, arguments } => {
                    let sent = self.id(id.as_deref());
                    self.open.push_back((id.clone(), sent.clone()));
                    calls.push(Call { id: sent, name: name.clone(), arguments: arguments.clone() });
                }
                _ => return Err(CannotEncode::UnknownPart),
            }
        }
        if !said.is_empty() || !calls.is_empty() {
            self.turns.push(Turn::Assistant(said, calls));
        }
        Ok(())
    }

    /// Puts a result to the call it answers: the one of its id, else the one that waits longest.
    fn result(&mut self, id: Option<&str>, result: &Payload) -> Result<(), CannotEncode> {
        let named = self.open.iter().position(|(known, _)| id.is_some() && known.as_deref() == id);
        let at = named.or_else(|| self.open.iter().position(|(known, _)| id.is_none() || known.is_none()));
        let (_, sent) = at.and_then(|at| self.open.remove(at)).ok_or(CannotEncode::Continued)?;
        let result = (sent, result.to_text());
        match self.turns.last_mut() {
            Some(Turn::Results(results)) => results.push(result),
            _ => self.turns.push(Turn::Results(vec![result])),
        }
        Ok(())
    }

    /// Says that no more results can come.
    fn close(&self) -> Result<(), CannotEncode> {
        if self.open.is_empty() { Ok(()) } else { Err(CannotEncode::NoResult) }
    }

    /// Returns an id that both APIs accept, of its own within the conversation.
    fn id(&mut self, recorded: Option<&str>) -> String {
        self.ids += 1;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        match recorded {
            Some(id) if !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(allowed) => id.to_owned(),
            _ => format!("call_{}", self.ids),
        }
    }
}

fn texts(message: &Message) -> Result<Vec<String>, CannotEncode> {
    let text = |part: &Part| match part {
        Part::Text { text } => Ok(text.clone()),
        _ => Err(CannotEncode::UnknownPart),
    };
    message.parts.iter().map(text).collect()
}

/// Only what lies at an address can be shown again, and of that only pictures.
fn picture(mime_type: Option<&str>, reference: &str) -> Result<Said, CannotEncode> {
    let is_picture = mime_type.is_none_or(|kind| kind.starts_with("image/"));
    let is_address = reference.starts_with("https://") || reference.starts_with("http://");
    if is_picture && is_address { Ok(Said::Picture(reference.to_owned())) } else { Err(CannotEncode::InlineMedia) }
}

/// Returns whether a part is what the capture of content left of a text.
fn is_treated(part: &Part) -> bool {
    match part {
        Part::Text { text } | Part::Reasoning { text } => treated::is_treated(text),
        Part::ToolCall { arguments: payload, .. } | Part::ToolResult { result: payload, .. } => payload.is_treated(),
        Part::Media { .. } | Part::Other { .. } => false,
    }
}
