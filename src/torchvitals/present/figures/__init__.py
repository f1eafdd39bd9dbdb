"""One chart a file: a pure function from a run to a Plotly figure, shared by the dashboard and the report."""
