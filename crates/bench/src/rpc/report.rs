//! The tables that a person reads, in Markdown.

use super::{Case, Measured, Report};

/// Prints `report` as tables.
pub fn print(report: &Report) {
    let Report { cores, block_time, connections, senders, .. } = report;
    println!(
        "{cores} cores for node and load generator, {connections} connections, {senders} senders, \
         our blocks every {block_time} s"
    );
    for case in &report.cases {
        print_case(case);
    }
}

fn print_case(case: &Case) {
    println!("\n### {:?}, {} a request\n", case.load, case.batch);
    let nodes = &case.nodes;
    row("", nodes, |m| m.node.to_owned());
    println!("|---|{}", "---:|".repeat(nodes.len()));
    row("transactions", nodes, |m| m.transactions.to_string());
    row("refused", nodes, |m| m.refused.values().sum::<usize>().to_string());
    row("TPS", nodes, |m| format!("{:.0}", m.tps));
    row("TPS between first and last block", nodes, |m| format!("{:.0}", m.steady_tps));
    row("offered TPS for latency", nodes, |m| format!("{:.0}", m.offered_tps));
    row("latency p50 ms", nodes, |m| format!("{:.0}", m.latency_p50_ms));
    row("latency p99 ms", nodes, |m| format!("{:.0}", m.latency_p99_ms));
    row("latency max ms", nodes, |m| format!("{:.0}", m.latency_max_ms));
    row("CPU us/tx", nodes, |m| format!("{:.1}", m.cpu_us_per_tx.values().sum::<f64>()));
    row("CPU us/tx at half load", nodes, |m| format!("{:.1}", m.half_load_cpu_us_per_tx));
    row("generator CPU us/tx", nodes, |m| format!("{:.1}", m.generator_us_per_tx));
    row("memory idle MiB", nodes, |m| format!("{:.0}", m.idle_mib));
    row("memory loaded MiB", nodes, |m| format!("{:.0}", m.loaded_mib));
    row("load average before", nodes, |m| format!("{:.1}", m.load_average));
    if let Some(ratio) = case.ratio() {
        println!("\n{ratio:.1} times anvil's best throughput.");
    }
    for node in nodes {
        for (message, count) in &node.refused {
            println!("\n{} refused {count}: {message}", node.node);
        }
    }
    for failure in &case.failures {
        println!("\nnot measured: {failure}");
    }
    if let Some(ours) = nodes.first() {
        let parts = ours.cpu_us_per_tx.iter().map(|(name, us)| format!("{name} {us:.1}"));
        println!("\nOur CPU us/tx by thread: {}.", parts.collect::<Vec<_>>().join(", "));
    }
}

fn row(title: &str, nodes: &[Measured], cell: impl Fn(&Measured) -> String) {
    let cells: Vec<_> = nodes.iter().map(|node| format!(" {:>14} |", cell(node))).collect();
    println!("| {title:<32} |{}", cells.concat());
}
