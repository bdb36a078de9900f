"""What production shows: windows of the prediction log, judged against what their versions were trained on."""
