"""Parts the pages share. Each draws one thing; text from a log goes through `st.text` or a table cell, never Markdown."""
