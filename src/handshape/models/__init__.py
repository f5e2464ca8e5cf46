"""The networks: the lesson's CNN, pretrained backbones, and heads for their features."""
