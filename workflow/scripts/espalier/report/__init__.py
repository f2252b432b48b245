"""From numbers to pages: tables, figures, findings."""
