//! Messages in the bodies that some conventions record instead of messages: what a call was given and
//! what it returned, in the shape of whatever library was called.

use arc_model::Message;

use super::{Found, Reading};
use crate::read::{
    attributes::Reader,
    bodies::{find, has_role, of_langchain, unwrap_choice},
    messages,
    value::structured,
};

/// Reads the messages in an attribute, if it holds any.
pub(super) fn read(attributes: Reader<'_>, name: &'static str, reading: &mut Reading) -> Option<Found<Vec<Message>>> {
    let body = structured(attributes.get(name)?)?;
    // Whatever stands around the messages would be lost with the attribute.
    let mut is_whole = has_role(&body) || body.as_array().is_some_and(|items| items.iter().all(has_role));
    let list = find(body)?;
    let mut found = Vec::with_capacity(list.len());
    for (index, item) in list.into_iter().enumerate() {
        let read = messages::read(of_langchain(unwrap_choice(item)));
        if let Some(problem) = read.problem {
            reading.repaired(format!(
                "message {index} of `{name}`: {problem}; it is kept as a message of an unknown speaker"
            ));
        }
        is_whole &= read.beside.lost.is_empty() && read.rest.is_empty();
        found.push(read.message);
    }
    Some(if is_whole { Found::new(found, name) } else { Found::kept(found) })
}
