# SPDX-License-Identifier: MIT
# The next token of a language model, chosen on the device, so that many steps can follow each other without waiting for the host.
import triton
import triton.language as tl


# run: sample | *fp32:16,*i32:16,*i32,*i32,*i32,*fp32,i32 | K=16 | 2 | r[32]:-3:3,r[32]:0:99,r[2],i[2],z[40],r[8]:0.1:9,20 | target=1e-6
@triton.jit
def sample(values_ptr, indices_ptr, ids_ptr, positions_ptr, history_ptr, settings_ptr, length, K: tl.constexpr):
    # A row of values has the K largest logits, largest first, and indices their tokens. settings[row] has the temperature, top_p, top_k and the seed. Candidates
    # are the first top_k, and of them the most probable ones whose probabilities together reach top_p; with a temperature of 0, only the first. The token goes to
    # ids[row] and to the history, at the next position, and the position is advanced.
    row = tl.program_id(0)
    k = tl.arange(0, K)
    values = tl.load(values_ptr + row * K + k)
    temperature = tl.load(settings_ptr + row * 4)
    top_p = tl.load(settings_ptr + row * 4 + 1)
    top_k = tl.load(settings_ptr + row * 4 + 2)
    seed = tl.load(settings_ptr + row * 4 + 3).to(tl.int32, bitcast=True)
    position = tl.load(positions_ptr + row) + 1
    weights = tl.exp((values - tl.max(values, axis=0)) / tl.maximum(temperature, 1e-6))
    weights = tl.where(k.to(tl.float32) < top_k, weights, 0.0)
    before = tl.cumsum(weights, axis=0) - weights
    weights = tl.where(before < top_p * tl.sum(weights, axis=0), weights, 0.0)
    sums = tl.cumsum(weights, axis=0)
    u = tl.rand(seed, position) * tl.sum(weights, axis=0)
    chosen = tl.minimum(tl.sum((sums <= u).to(tl.int32), axis=0), K - 1)
    chosen = tl.where(temperature > 0, chosen, 0)
    token = tl.load(indices_ptr + row * K + chosen)
    tl.store(ids_ptr + row, token)
    tl.store(positions_ptr + row, position)
    tl.store(history_ptr + row * length + position, token, mask=position < length)
