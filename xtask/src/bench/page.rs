//! Results within a page of documentation.

const BEGIN: &str = "<!-- results: written by cargo xtask bench --markdown -->\n";
const END: &str = "<!-- end of results -->\n";

/// The page with other results in place of those between its marks.
pub(super) fn with_results(page: &str, results: &str) -> Result<String, String> {
    let parts = page.split_once(BEGIN).and_then(|(head, rest)| {
        let (_, tail) = rest.split_once(END)?;
        Some((head, tail))
    });
    let (head, tail) =
        parts.ok_or_else(|| format!("no lines {BEGIN:?} and {END:?} to put results between"))?;
    Ok(format!("{head}{BEGIN}\n{results}\n{END}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_results_of_a_page_are_replaced() {
        let page = |results| format!("text\n{BEGIN}{results}{END}more\n");
        assert_eq!(with_results(&page("old\n"), "new"), Ok(page("\nnew\n")));
        assert!(with_results("text\n", "new").is_err());
    }
}
