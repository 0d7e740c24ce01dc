"""The Mimi codec: 24 kHz sound to 8 codes per 80 ms and back, streaming, for many calls at once.

Weights know nothing of calls. What a call leaves behind between frames (tails of convolutions, a window of the
transformer) is a `Stream`, one for each direction, with the slots and masks of the language model. The codec is always
float32: it is small, and codes flip where it is less exact.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from bridge.engine.personaplex.config import CodecTransformerConfig, MimiConfig, SeanetConfig
from bridge.engine.personaplex.layers import Attend, Attention
from bridge.engine.personaplex.window import KVRing

_PUBLISHED = (
    (r"^(encoder|decoder)_transformer\.", r"\1_transformer.transformer."),
    (r"in_proj\.weight$", "in_proj_weight"),
    (r"^(down|up)sample\.(conv|convtr)\.", r"\1sample.\2.\2.\2."),
    (r"^(encoder|decoder)\.(.*)\.(conv|convtr)\.", r"\1.\2.\3.\3."),
    (r"\.books\.(\d+)\.", r".vq.layers.\1._codebook."),
)


def published_name(name: str) -> str:
    """The name of one of our parameters in the published codec file."""
    for pattern, replacement in _PUBLISHED:
        name = re.sub(pattern, replacement, name)
    return name


class Stream:
    """What one direction of the codec remembers of each slot: encode and decode have one each."""

    def __init__(self, parts: Iterable[nn.Module], config: MimiConfig, slots: int, device: torch.device) -> None:
        self.position = torch.zeros(slots, dtype=torch.int64, device=device)  # of the transformer: 2 per frame
        self.past: dict[nn.Module, Tensor] = {}
        for part in parts:
            for module in part.modules():
                if isinstance(module, CausalConv | CausalTransposedConv):
                    self.past[module] = torch.zeros(slots, module.past_channels, module.past_length, device=device)
        transformer = config.transformer
        self.window = KVRing(
            layers=transformer.num_layers,
            slots=slots,
            context=transformer.context,
            heads=transformer.num_heads,
            head_dim=transformer.d_model // transformer.num_heads,
            max_period=transformer.max_period,
            device=device,
            dtype=torch.float32,
        )

    def first(self, count: int) -> Stream:
        """The first `count` of these slots: the same state, in the same tensors."""
        some = copy.copy(self)
        some.position = self.position[:count]
        some.past = {module: past[:count] for module, past in self.past.items()}
        return some

    def reset(self, which: Tensor) -> None:
        """Make the slots of a bool mask [B] as good as new."""
        self.position.masked_fill_(which, 0)
        for past in self.past.values():
            past.masked_fill_(which[:, None, None], 0.0)

    def keep(self, module: nn.Module, past: Tensor, run: Tensor) -> None:
        """Remember `past` for a module, in the slots that run."""
        kept = self.past[module]
        torch.where(run[:, None, None], past, kept, out=kept)


class Elu(nn.Module):
    def forward(self, x: Tensor, stream: Stream, run: Tensor) -> Tensor:
        return functional.elu(x)


class CausalConv(nn.Module):
    """A convolution that sees the past only: kernel − stride positions of it are carried from frame to frame.

    Before a call's first position stand zeros, or that position itself where `repeats_first`.
    """

    def __init__(
        self, channels: int, out: int, kernel: int, stride: int = 1, bias: bool = True, repeats_first: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, out, kernel, stride, bias=bias)
        self.repeats_first = repeats_first
        self.past_channels, self.past_length = channels, kernel - stride

    def forward(self, x: Tensor, stream: Stream, run: Tensor) -> Tensor:  # [B, channels, T] → [B, out, T / stride]
        past = stream.past[self]
        if self.repeats_first:
            past = torch.where((stream.position == 0)[:, None, None], x[..., :1], past)
        x = torch.cat((past, x), dim=-1)
        stream.keep(self, x[..., x.shape[-1] - self.past_length :], run)
        y: Tensor = self.conv(x)
        return y


class CausalTransposedConv(nn.Module):
    """A transposed convolution whose last kernel − stride samples, without the bias, are added to the next frame."""

    def __init__(
        self, channels: int, out: int, kernel: int, stride: int, bias: bool = True, depthwise: bool = False
    ) -> None:
        super().__init__()
        groups = channels if depthwise else 1
        self.convtr = nn.ConvTranspose1d(channels, out, kernel, stride, groups=groups, bias=bias)
        self.past_channels, self.past_length = out, kernel - stride

    def forward(self, x: Tensor, stream: Stream, run: Tensor) -> Tensor:  # [B, channels, T] → [B, out, T · stride]
        conv = self.convtr
        y = functional.conv_transpose1d(x, conv.weight, None, conv.stride, groups=conv.groups)
        ready = y.shape[-1] - self.past_length
        y = y + functional.pad(stream.past[self], (0, ready))
        stream.keep(self, y[..., ready:], run)
        y = y[..., :ready]
        return y if conv.bias is None else y + conv.bias[:, None]


class ResidualBlock(nn.Module):
    def __init__(self, config: SeanetConfig, channels: int) -> None:
        super().__init__()
        narrow = channels // config.compress
        self.block = nn.ModuleList(
            (Elu(), CausalConv(channels, narrow, config.residual_kernel_size), Elu(), CausalConv(narrow, channels, 1))
        )

    def forward(self, x: Tensor, stream: Stream, run: Tensor) -> Tensor:
        y = x
        for part in self.block:
            y = part(y, stream, run)
        return x + y


class Seanet(nn.Module):
    """A chain of convolutions; the index of a part is its number in the published names."""

    def __init__(self, parts: Iterable[nn.Module]) -> None:
        super().__init__()
        self.model = nn.ModuleList(parts)

    def forward(self, x: Tensor, stream: Stream, run: Tensor) -> Tensor:
        for part in self.model:
            x = part(x, stream, run)
        return x


def encoder(config: SeanetConfig) -> Seanet:
    """[B, 1, samples] → [B, dimension, samples / product of ratios]."""
    width = config.n_filters
    parts: list[nn.Module] = [CausalConv(1, width, config.kernel_size)]
    for stride in reversed(config.ratios):
        parts += [ResidualBlock(config, width), Elu(), CausalConv(width, 2 * width, 2 * stride, stride)]
        width *= 2
    return Seanet([*parts, Elu(), CausalConv(width, config.dimension, config.last_kernel_size)])


def decoder(config: SeanetConfig) -> Seanet:
    """[B, dimension, T] → [B, 1, T · product of ratios]."""
    width = config.n_filters * 2 ** len(config.ratios)
    parts: list[nn.Module] = [CausalConv(config.dimension, width, config.kernel_size)]
    for stride in config.ratios:
        parts += [Elu(), CausalTransposedConv(width, width // 2, 2 * stride, stride)]
        width //= 2
        parts.append(ResidualBlock(config, width))
    return Seanet([*parts, Elu(), CausalConv(width, 1, config.last_kernel_size)])


class LayerScale(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class CodecLayer(nn.Module):
    def __init__(self, config: CodecTransformerConfig) -> None:
        super().__init__()
        dim = config.d_model
        self.norm1 = nn.LayerNorm(dim, eps=1e-5)
        self.self_attn = Attention(dim, config.num_heads)
        self.layer_scale_1 = LayerScale(dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-5)
        self.linear1 = nn.Linear(dim, config.dim_feedforward, bias=False)
        self.linear2 = nn.Linear(config.dim_feedforward, dim, bias=False)
        self.layer_scale_2 = LayerScale(dim)

    def forward(self, x: Tensor, layer: int, attend: Attend) -> Tensor:  # [B, T, dim]
        x = x + self.layer_scale_1(self.self_attn(self.norm1(x), layer, attend))
        y: Tensor = x + self.layer_scale_2(self.linear2(functional.gelu(self.linear1(self.norm2(x)))))
        return y


class CodecTransformer(nn.Module):
    def __init__(self, config: CodecTransformerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CodecLayer(config) for _ in range(config.num_layers))

    def forward(self, x: Tensor, stream: Stream, run: Tensor) -> Tensor:  # [B, dim, T]
        attend = stream.window.at(stream.position, run, x.shape[-1])
        x = x.transpose(1, 2)
        for index, layer in enumerate(self.layers):
            x = layer(x, index, attend)
        return x.transpose(1, 2)


class Codebook(nn.Module):
    """Entries are stored as sums and counts of what fell on them in training; `finish` divides."""

    def __init__(self, bins: int, dim: int) -> None:
        super().__init__()
        self.embedding_sum = nn.Parameter(torch.empty(bins, dim))
        self.cluster_usage = nn.Parameter(torch.empty(bins))
        self.entries: Tensor
        self.half_squares: Tensor  # |e|² / 2

    def finish(self) -> None:
        self.entries = (self.embedding_sum / self.cluster_usage.clamp(min=1e-5)[:, None]).detach()
        self.half_squares = self.entries.square().sum(-1) / 2

    def look_up(self, codes: Tensor) -> Tensor:
        """int64 [B] → [B, dim]."""
        return self.entries[codes]

    def nearest(self, x: Tensor) -> Tensor:
        """[B, dim] → int64 [B]. |x − e|² is least where |e|² / 2 − x·e is."""
        return (self.half_squares - x @ self.entries.T).argmin(-1)


class ResidualQuantiser(nn.Module):
    def __init__(self, dim: int, inner: int, bins: int, books: int) -> None:
        super().__init__()
        self.input_proj = nn.Conv1d(dim, inner, 1, bias=False)
        self.output_proj = nn.Conv1d(inner, dim, 1, bias=False)
        self.books = nn.ModuleList(Codebook(bins, inner) for _ in range(books))

    @property
    def chain(self) -> list[Codebook]:
        return cast(list[Codebook], list(self.books))

    def encode(self, x: Tensor) -> list[Tensor]:  # [B, dim, 1] → a code int64 [B] of each book
        rest = self.input_proj(x)[..., 0]
        codes: list[Tensor] = []
        for book in self.chain:
            codes.append(book.nearest(rest))
            rest = rest - book.look_up(codes[-1])
        return codes

    def decode(self, codes: Tensor) -> Tensor:  # int64 [B, books] → [B, dim, 1]
        entries = [book.look_up(codes[:, index]) for index, book in enumerate(self.chain)]
        y: Tensor = self.output_proj(torch.stack(entries).sum(0)[..., None])
        return y


class Quantiser(nn.Module):
    """One semantic book beside a chain of acoustic ones: both look at the same latent."""

    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        quantizer = config.quantizer
        sizes = (config.seanet.dimension, quantizer.dimension, quantizer.bins)
        self.rvq_first = ResidualQuantiser(*sizes, books=1)
        self.rvq_rest = ResidualQuantiser(*sizes, books=config.num_codebooks - 1)

    def encode(self, x: Tensor) -> Tensor:  # [B, dim, 1] → int64 [B, codebooks]
        return torch.stack(self.rvq_first.encode(x) + self.rvq_rest.encode(x), dim=1)

    def decode(self, codes: Tensor) -> Tensor:  # int64 [B, codebooks] → [B, dim, 1]
        return self.rvq_first.decode(codes[:, :1]) + self.rvq_rest.decode(codes[:, 1:])


class Mimi(nn.Module):
    """The codec's weights and its two directions, one frame of every slot at a time."""

    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        self.config = config
        dim, stride = config.seanet.dimension, config.positions_per_frame
        self.encoder = encoder(config.seanet)
        self.encoder_transformer = CodecTransformer(config.transformer)
        self.downsample = CausalConv(dim, dim, 2 * stride, stride, bias=False, repeats_first=True)
        self.quantizer = Quantiser(config)
        self.upsample = CausalTransposedConv(dim, dim, 2 * stride, stride, bias=False, depthwise=True)
        self.decoder_transformer = CodecTransformer(config.transformer)
        self.decoder = decoder(config.seanet)

    def finish(self) -> None:
        """Derive the codebooks' entries once weights are there.

        On a GPU, also ask for whole float32 convolutions, in this process: TF32, their default, lets codes flip.
        """
        if self.device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False
        for module in self.modules():
            if isinstance(module, Codebook):
                module.finish()

    @property
    def device(self) -> torch.device:
        return self.downsample.conv.weight.device

    def encode_stream(self, slots: int) -> Stream:
        return Stream((self.encoder, self.downsample), self.config, slots, self.device)

    def decode_stream(self, slots: int) -> Stream:
        return Stream((self.upsample, self.decoder), self.config, slots, self.device)

    def encode(self, pcm: Tensor, stream: Stream, run: Tensor) -> Tensor:
        """One frame of every slot: float32 [B, frame samples] in −1 … 1 → int64 [B, codebooks]."""
        x = self.encoder_transformer(self.encoder(pcm[:, None], stream, run), stream, run)
        codes = self.quantizer.encode(self.downsample(x, stream, run))
        stream.position += run * self.config.positions_per_frame
        return codes

    def decode(self, codes: Tensor, stream: Stream, run: Tensor) -> Tensor:
        """One frame of every slot: int64 [B, codebooks], each below `bins` → float32 [B, frame samples].

        A code out of range is an index error on a CPU and kills the process on a GPU.
        """
        x = self.decoder_transformer(self.upsample(self.quantizer.decode(codes), stream, run), stream, run)
        pcm: Tensor = self.decoder(x, stream, run)
        stream.position += run * self.config.positions_per_frame
        return pcm[:, 0]


def encode_signal(mimi: Mimi, pcm: Tensor) -> Tensor:
    """float32 [samples] → int64 [codebooks, frames], frame by frame; a last incomplete frame is left out."""
    stream, run = mimi.encode_stream(1), torch.ones(1, dtype=torch.bool, device=mimi.device)
    size = mimi.config.frame_samples
    frames = pcm[: len(pcm) // size * size].to(mimi.device).reshape(-1, size)
    return torch.cat([mimi.encode(frame[None], stream, run) for frame in frames]).T.cpu()


def decode_codes(mimi: Mimi, codes: Tensor) -> Tensor:
    """int64 [codebooks, frames] → float32 [samples], frame by frame."""
    stream, run = mimi.decode_stream(1), torch.ones(1, dtype=torch.bool, device=mimi.device)
    return torch.cat([mimi.decode(frame[None], stream, run)[0] for frame in codes.T.to(mimi.device)]).cpu()
