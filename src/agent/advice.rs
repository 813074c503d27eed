//! What a model is asked outside of any scenario: to write a plan for a page ([`plan`]), and why a
//! scenario failed ([`diagnosis`]). No tools, one answer, and one attempt to mend it (agent.md 14).

pub mod diagnosis;
pub mod plan;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{
    agent::assignment::Refusal,
    model::{
        Model, Progress,
        conversation::{Conversation, Part, Said, Turn},
        error::ModelError,
        reply::{Reply, Stop, Usage},
        request::{Request, Scope},
    },
    pod::contract::Exit,
};

/// Most tokens of an answer (agent.md 1, *model output*).
const OUTPUT: u32 = 4096;

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who is asked, and for what.
    pub system: &'static str,
    /// What it is about, pictures included.
    pub about: Vec<Part>,
}

/// Asks, and if the answer will not do says why and asks once more. `told` hears what every request
/// has used.
///
/// # Errors
/// When there is no answer, or not even the second one will do.
pub async fn ask<T>(
    model: &Model,
    question: Question,
    cancel: &CancellationToken,
    mut judge: impl FnMut(&str) -> Result<T, String> + Send,
    mut told: impl FnMut(Usage) + Send,
) -> Result<T, Refusal> {
    let Question { system, about } = question;
    let mut request = Request {
        scope: Scope::Main,
        system: system.to_owned(),
        tools: Arc::new([]),
        conversation: Conversation { first: about, turns: Vec::new() },
        max_output_tokens: OUTPUT,
        cache: false,
        last: None,
    };
    let mut tell = |progress: Progress| {
        if let Progress::Spent(usage) = progress {
            told(usage);
        }
    };
    let first = model.turn(&request, cancel, &mut tell).await.map_err(|error| refused(&error))?;
    let why = match judge(&text(&first)?) {
        Ok(answer) => return Ok(answer),
        Err(why) => why,
    };
    let again = Part::Text(format!(
        "This answer cannot be used: {why}\nWrite all of it again, mended, and nothing else."
    ));
    // What a model thinks without saying it belongs to its answer and goes back with it.
    let Reply { said, context, .. } = first;
    let turn = Turn::new(said, context, Vec::new(), vec![again])
        .map_err(|error| unusable(&error.to_string()))?;
    request.conversation.turns.push(turn);
    let second = model.turn(&request, cancel, &mut tell).await.map_err(|error| refused(&error))?;
    judge(&text(&second)?).map_err(|why| unusable(&why))
}

/// What was said, as one text.
fn text(reply: &Reply) -> Result<String, Refusal> {
    if reply.stop == Stop::Refusal {
        return Err(Refusal {
            exit: Exit::Errored,
            code: "model_refused".to_owned(),
            message: "The model declines to answer.".to_owned(),
        });
    }
    let said = reply.said.iter().filter_map(|said| match said {
        Said::Text { text } => Some(text.as_str()),
        Said::Thinking { .. } | Said::Sealed { .. } | Said::Call(_) => None,
    });
    Ok(said.collect())
}

fn refused(error: &ModelError) -> Refusal {
    let exit = if *error == ModelError::Cancelled { Exit::Cancelled } else { Exit::Errored };
    Refusal {
        exit,
        code: error.reason().to_owned(),
        message: format!("There is no answer: {error}."),
    }
}

fn unusable(why: &str) -> Refusal {
    Refusal {
        exit: Exit::Errored,
        code: "unusable_answer".to_owned(),
        message: format!("The model's answer cannot be used, nor can its second one: {why}"),
    }
}

/// An answer without the fence that models like to put around it.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let Some(inner) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else {
        return text;
    };
    // The first line may name a language.
    inner.split_once('\n').map_or(inner, |(_, inner)| inner).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_around_an_answer_is_left_out_and_one_inside_is_not() {
        assert_eq!(unfenced("```markdown\n#Case 1: A\nx\n```\n"), "#Case 1: A\nx");
        assert_eq!(
            unfenced(" #Case 1: A\n```\nx\n``` and so on"),
            "#Case 1: A\n```\nx\n``` and so on"
        );
    }
}
