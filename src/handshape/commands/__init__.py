"""One module per command: settings in, a run or a result out; shared by Python and the command line."""
