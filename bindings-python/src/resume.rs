//! What a suspended run is resumed with.

use crate::fault::{Fault, Result};
use crate::json;
use crate::outcome::Outcome;
use crate::reply::tool_error;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sandcell::{Error, Status, ToolError};
use serde_json::Value;

/// The token of a suspended run, given as such or by its outcome.
pub(crate) fn token(run: &Bound<'_, PyAny>) -> Result<String> {
    if let Ok(outcome) = run.cast::<Outcome>() {
        return match &outcome.get().core.status {
            Status::Suspended { token, .. } => Ok(token.clone()),
            _ => Err(Error::ResumeInvalid { reason: "the outcome is not that of a suspended run".into() }.into()),
        };
    }
    run.extract().map_err(|_| Fault::argument("run", "expected the outcome of a suspended run, or its token"))
}

/// Values by the numbers of their calls; an exception fails its call as if the tool had raised it.
pub(crate) fn results(given: &Bound<'_, PyDict>) -> Result<Vec<(u64, Result<Value, ToolError>)>> {
    let mut results = Vec::new();
    for (number, value) in given {
        let number = number.extract().map_err(|_| Fault::argument("results", "a call's number is no int"))?;
        let result = match value.is_instance_of::<PyBaseException>() {
            true => Err(tool_error(value.py(), &PyErr::from_value(value.clone()))),
            false => Ok(json::of_tool(&value)?),
        };
        results.push((number, result));
    }
    Ok(results)
}
