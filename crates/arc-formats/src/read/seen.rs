//! What was read before in the same source.
//!
//! An agent sends its history and its tools with every call, so most messages of a source are there several times. A
//! text that was read before gives the value that was read then: it is parsed once, and held once by all spans.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::Arc,
};

use arc_model::{FinishReason, Json, Message, ToolDefinition};
use foldhash::quality::RandomState;

use super::{items, messages, plain, tools};

/// Most bytes of text remembered; beyond that everything is forgotten and read anew.
const MOST_BYTES: usize = 16 << 20;

/// Remembers texts that were read whole: what anything is to be remarked about is read anew each time.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    messages: Texts<SeenMessage>,
    instructions: Texts<Vec<Arc<Message>>>,
    tools: Texts<Vec<Arc<ToolDefinition>>>,
    bytes: Cell<usize>,
}

/// What texts said.
type Texts<T> = RefCell<HashMap<Box<str>, T, RandomState>>;

/// A message, and why the model stopped after it.
pub(crate) type SeenMessage = (Arc<Message>, Option<FinishReason>);

impl Seen {
    /// Reads the messages of a list that is written as text; `None` when it is no such list, or there is something to
    /// remark about it.
    pub(crate) fn messages(&self, value: &Json) -> Option<Vec<SeenMessage>> {
        items::of(value.as_str()?)?.into_iter().map(|item| self.message(item)).collect()
    }

    fn message(&self, text: &str) -> Option<SeenMessage> {
        if let Some(seen) = self.messages.borrow().get(text) {
            return Some(seen.clone());
        }
        let (message, finish_reason) = plain::read(text).or_else(|| {
            let read = messages::read(serde_json::from_str(text).ok()?);
            let is_whole = read.problem.is_none() && read.rest.is_empty() && read.beside.lost.is_empty();
            is_whole.then_some((read.message, read.finish_reason))
        })?;
        let seen = (Arc::new(message), finish_reason);
        self.make_room(text);
        self.messages.borrow_mut().insert(text.into(), seen.clone());
        Some(seen)
    }

    /// Returns what instructions said when they were read before.
    pub(crate) fn instructions(&self, value: &Json) -> Option<Vec<Arc<Message>>> {
        self.instructions.borrow().get(value.as_str()?).cloned()
    }

    /// Remembers what instructions say.
    pub(crate) fn keep_instructions(&self, value: &Json, messages: &[Arc<Message>]) {
        if let Some(text) = value.as_str() {
            self.make_room(text);
            self.instructions.borrow_mut().insert(text.into(), messages.to_vec());
        }
    }

    /// Reads definitions of tools, as [`tools::read_all`] does.
    pub(crate) fn tools(&self, value: &Json) -> (Vec<Arc<ToolDefinition>>, Vec<usize>) {
        let text = value.as_str();
        if let Some(seen) = text.and_then(|text| self.tools.borrow().get(text).cloned()) {
            return (seen, Vec::new());
        }
        let (read, unread) = tools::read_all(value);
        let read = arc_model::shared(read);
        if let Some(text) = text.filter(|_| unread.is_empty()) {
            self.make_room(text);
            self.tools.borrow_mut().insert(text.into(), read.clone());
        }
        (read, unread)
    }

    fn make_room(&self, text: &str) {
        let bytes = self.bytes.get() + text.len();
        if bytes > MOST_BYTES {
            self.messages.borrow_mut().clear();
            self.instructions.borrow_mut().clear();
            self.tools.borrow_mut().clear();
            self.bytes.set(text.len());
        } else {
            self.bytes.set(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(read: &[SeenMessage]) -> Vec<String> {
        read.iter().map(|(message, _)| message.joined_text()).collect()
    }

    #[test]
    fn a_message_that_is_sent_again_is_one_value() {
        let seen = Seen::default();
        let hello = json!({"role": "user", "content": "hello"});
        let first = seen.messages(&json!(json!([hello]).to_string())).unwrap();
        let more = seen.messages(&json!(json!([hello, {"role": "assistant", "content": "yes"}]).to_string())).unwrap();
        assert_eq!(
            (texts(&first), texts(&more)),
            (vec!["hello".to_owned()], vec!["hello".to_owned(), "yes".to_owned()])
        );
        assert!(Arc::ptr_eq(&first[0].0, &more[0].0));
    }

    #[test]
    fn what_is_no_list_of_plain_messages_is_left_to_others() {
        let seen = Seen::default();
        for value in [json!([]), json!("[5]"), json!("{}"), json!("[{\"role\": \"user\""), json!(5), json!("hello")] {
            assert!(seen.messages(&value).is_none(), "{value}");
        }
        let beside = json!(json!([{"role": "user", "content": "a", "mood": "good"}]).to_string());
        assert!(seen.messages(&beside).is_none(), "what is not read has to be remarked");
    }

    #[test]
    fn tools_that_are_offered_again_are_one_value() {
        let seen = Seen::default();
        let offered = json!(json!([{"name": "search"}]).to_string());
        let ((first, _), (again, unread)) = (seen.tools(&offered), seen.tools(&offered));
        assert!(Arc::ptr_eq(&first[0], &again[0]) && unread.is_empty());
        assert_eq!(seen.tools(&json!(json!([{"name": "a"}, 5]).to_string())).1, [1]);
        assert_eq!(seen.tools(&json!(json!([{"name": "a"}, 5]).to_string())).1, [1], "a remark is made each time");
    }
}
