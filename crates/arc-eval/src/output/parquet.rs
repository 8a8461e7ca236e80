//! The lines of a division of cost as a Parquet file: the columns of the CSV, with names as text and counts as integers.

use std::sync::Arc;

use arc_analysis::cost::CostReport;
use arc_model::{AgentName, CostSums};
use parquet::{
    basic::{LogicalType, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, Int64Type},
    errors::Result,
    file::{
        metadata::KeyValue,
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{Type, TypePtr},
};

/// Returns the file. A line without a name, or without an agent, has a null there; amounts are nano-dollars, times
/// nanoseconds, as the file's metadata say.
pub(crate) fn file(report: &CostReport) -> Result<Vec<u8>> {
    let by = report.by.as_str();
    let text = |name: &str| {
        let built = Type::primitive_type_builder(name, Physical::BYTE_ARRAY);
        built.with_repetition(Repetition::OPTIONAL).with_logical_type(Some(LogicalType::String)).build()
    };
    let count =
        |name: &str| Type::primitive_type_builder(name, Physical::INT64).with_repetition(Repetition::REQUIRED).build();
    // A division by agent has the agent as its name.
    let has_agent = by != "agent";
    let mut fields: Vec<TypePtr> = vec![Arc::new(text(by)?)];
    if has_agent {
        fields.push(Arc::new(text("agent")?));
    }
    for name in CostSums::NAMES {
        fields.push(Arc::new(count(name)?));
    }
    let schema = Type::group_type_builder("costs").with_fields(fields).build()?;
    let unit = |key: &str, unit: &str| KeyValue::new(key.to_owned(), unit.to_owned());
    let properties = WriterProperties::builder()
        .set_created_by(format!("arc-eval {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(vec![unit("amounts", "nano-dollars"), unit("times", "nanoseconds")]))
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    let lines = &report.lines;
    write_texts(&mut group, &lines.iter().map(|line| line.name.as_deref()).collect::<Vec<_>>())?;
    if has_agent {
        let agents: Vec<_> = lines.iter().map(|line| line.agent.as_ref().map(AgentName::as_str)).collect();
        write_texts(&mut group, &agents)?;
    }
    let rows: Vec<Vec<i64>> = lines.iter().map(|line| line.sums.numbers()).collect();
    for at in 0..CostSums::NAMES.len() {
        let column: Vec<i64> = rows.iter().filter_map(|row| row.get(at).copied()).collect();
        if let Some(mut writer) = group.next_column()? {
            writer.typed::<Int64Type>().write_batch(&column, None, None)?;
            writer.close()?;
        }
    }
    group.close()?;
    file.into_inner()
}

/// Writes the next column: texts, of which some may be missing.
fn write_texts(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, texts: &[Option<&str>]) -> Result<()> {
    let Some(mut writer) = group.next_column()? else { return Ok(()) };
    let there: Vec<ByteArray> = texts.iter().flatten().map(|text| ByteArray::from(*text)).collect();
    let levels: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
    writer.typed::<ByteArrayType>().write_batch(&there, Some(&levels), None)?;
    writer.close()
}
