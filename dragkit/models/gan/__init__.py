"""StyleGAN2: the network, the model, the inversion of images, and readers for checkpoints."""
