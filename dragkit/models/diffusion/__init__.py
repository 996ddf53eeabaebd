"""Diffusion models: DDIM, the opened UNet, LoRA, inversion, and Stable Diffusion."""
