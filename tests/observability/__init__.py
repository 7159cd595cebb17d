"""What operators see: names, rules, dashboards."""
