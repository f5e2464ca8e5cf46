"""handshape: from labelled hand-sign photos to a recogniser whose accuracy can be believed."""
