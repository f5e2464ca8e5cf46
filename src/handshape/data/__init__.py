"""What a data set is: reading, splitting, decoding and checking labelled images."""
