"""What a network has learned: filters, feature maps, attention, embeddings, attributions and predictions, as exhibits."""
