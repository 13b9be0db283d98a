# SPDX-License-Identifier: MIT
# Approximate search in a graph of neighbours: hierarchical navigable small worlds (HNSW), with vectors of int8.
#
# Node i has vector i, with scales[i]. Each node is on layer 0, and few are on the layers above. `links` has a row of M0 nodes for each node, which ends
# at the first -1; `upper` has rows of M nodes for the layers above: rows[i] is the row of node i on layer 1, the next one that on layer 2. `state` has the
# node where searches begin, and its layer. The vectors have `depth` numbers from -127 to 127, a multiple of 2 * D. Scores are dot products.
#
# Programs are workers that take one query after the other. Each has a row of the arrays of scratch memory: `visited` has the number of the last
# search that came to each node, from 1 to 255, and `epochs` that of the last search. Bytes, since they are read in no order: so they stay in the cache.
import triton
import triton.language as tl

EXPANDED = tl.constexpr(0x40000000)  # added to ids whose links were followed
ID = tl.constexpr(0x3FFFFFFF)


@triton.jit
def dot(a_ptr, b_ptr, depth, D: tl.constexpr):
    # Two products of numbers from -127 to 127 fit into int16 together.
    d = tl.arange(0, D)
    sum = tl.zeros((D, ), tl.int32)
    for at in range(0, depth, 2 * D):
        low = tl.load(a_ptr + at + d).to(tl.int16) * tl.load(b_ptr + at + d).to(tl.int16)
        high = tl.load(a_ptr + at + D + d).to(tl.int16) * tl.load(b_ptr + at + D + d).to(tl.int16)
        sum += (low + high).to(tl.int32)
    return tl.sum(sum, axis=0).to(tl.float32)


@triton.jit
def score_of(q_ptr, v_ptr, scale_ptr, node, depth, D: tl.constexpr):
    return dot(q_ptr, v_ptr + node.to(tl.int64) * depth, depth, D) * tl.load(scale_ptr + node)


@triton.jit
def put(values_ptr, ids_ptr, count, most, score, id):
    # Inserts into a list that is sorted by score, largest first, and has at most `most` entries. Returns the position.
    j = tl.minimum(count, most - 1)
    above = tl.load(values_ptr + j - 1, mask=j > 0, other=float("inf"))
    while above < score:
        tl.store(values_ptr + j, above)
        tl.store(ids_ptr + j, tl.load(ids_ptr + j - 1))
        j -= 1
        above = tl.load(values_ptr + j - 1, mask=j > 0, other=float("inf"))
    tl.store(values_ptr + j, score)
    tl.store(ids_ptr + j, id)
    return j


@triton.jit
def expand(q_ptr, v_ptr, scale_ptr, links_ptr, rows_ptr, layer, M, values_ptr, ids_ptr, todo_ptr, scores_ptr, visited_ptr, epoch, count, most, depth, D: tl.constexpr,
           UPPER: tl.constexpr):
    # Expands the best entry that is not expanded yet, until all are. The list begins with `count` entries and ends with the best `most` found.
    for i in range(count):
        id = tl.load(ids_ptr + i) & ID
        tl.store(ids_ptr + i, id)
        tl.store(visited_ptr + id, epoch)
    at = 0
    while at < count:
        id = tl.load(ids_ptr + at)
        if id >= EXPANDED:
            at += 1
        else:
            tl.store(ids_ptr + at, id + EXPANDED)
            row = id
            if UPPER:
                row = tl.load(rows_ptr + id) + layer - 1
            n = 0
            m = 0
            next = tl.load(links_ptr + row * M)
            while next >= 0:
                if tl.load(visited_ptr + next).to(tl.int32) != epoch:
                    tl.store(visited_ptr + next, epoch)
                    tl.store(todo_ptr + n, next)
                    n += 1
                m += 1
                next = tl.load(links_ptr + row * M + m, mask=m < M, other=-1)
            # All scores first: their loads overlap, since no branches are between them.
            for j in range(n):
                tl.store(scores_ptr + j, score_of(q_ptr, v_ptr, scale_ptr, tl.load(todo_ptr + j), depth, D))
            at += 1
            for j in range(n):
                score = tl.load(scores_ptr + j)
                if score > tl.load(values_ptr + most - 1, mask=count == most, other=-float("inf")):
                    at = tl.minimum(at, put(values_ptr, ids_ptr, count, most, score, tl.load(todo_ptr + j)))
                    count = tl.minimum(count + 1, most)
    return count


@triton.jit
def descend(q_ptr, v_ptr, scale_ptr, upper_ptr, rows_ptr, state_ptr, bottom, values_ptr, ids_ptr, M, depth, D: tl.constexpr):
    # The node that greedy steps reach on the layers above `bottom`, as a list of one entry.
    best = tl.load(state_ptr)
    score = score_of(q_ptr, v_ptr, scale_ptr, best, depth, D)
    for layer in range(tl.load(state_ptr + 1), bottom, -1):
        moves = True
        while moves:
            moves = False
            links = upper_ptr + (tl.load(rows_ptr + best) + layer - 1) * M
            m = 0
            next = tl.load(links)
            while next >= 0:
                other = score_of(q_ptr, v_ptr, scale_ptr, next, depth, D)
                if other > score:
                    score = other
                    best = next
                    moves = True
                m += 1
                next = tl.load(links + m, mask=m < M, other=-1)
    tl.store(values_ptr, score)
    tl.store(ids_ptr, best)


@triton.jit
def new_epoch(visited_ptr, epochs_ptr, worker, capacity):
    epoch = tl.load(epochs_ptr + worker) + 1
    if epoch > 255:
        for at in range(0, capacity, 64):
            i = at + tl.arange(0, 64)
            tl.store(visited_ptr + i, tl.zeros((64, ), tl.uint8), mask=i < capacity)
        epoch = tl.full([], 1, tl.int32)
    tl.store(epochs_ptr + worker, epoch)
    return epoch


# run: hnsw_search | *i8:16,*i8:16,*fp32:16,*i32:16,*i32:16,*i32:16,*i32,*fp32:16,*i32:16,*i32,*fp32,*u8,*i32,i32,i32,i32,i32,i32,i32:16 | D=16 | 2 | r[320]:-127:127,r[4800]:-127:127,r[50]:0.5:1,r[400]:0:50,r[200]:0:50,i[50],r[2]:1:2,z[40],z[40],z[16],z[16],z[100],r[2]:253:256,5,50,8,8,4,64 | target=2e-6
@triton.jit
def hnsw_search(q_ptr, v_ptr, scale_ptr, links_ptr, upper_ptr, rows_ptr, state_ptr, values_ptr, ids_ptr, todo_ptr, scores_ptr, visited_ptr, epochs_ptr, queries, capacity, ef, M0,
                M, depth, D: tl.constexpr):
    # The `ef` best nodes of each query that a search finds, best first; -infinity and -1 fill the rest. `visited` has rows of `capacity` numbers.
    worker = tl.program_id(0)
    for query in range(worker, queries, tl.num_programs(0)):
        q = q_ptr + query * depth
        values = values_ptr + query * ef
        ids = ids_ptr + query * ef
        descend(q, v_ptr, scale_ptr, upper_ptr, rows_ptr, state_ptr, 0, values, ids, M, depth, D)
        visited = visited_ptr + worker.to(tl.int64) * capacity
        epoch = new_epoch(visited, epochs_ptr, worker, capacity)
        count = expand(q, v_ptr, scale_ptr, links_ptr, rows_ptr, 0, M0, values, ids, todo_ptr + worker * M0, scores_ptr + worker * M0, visited, epoch, tl.full([], 1, tl.int32),
                       ef, depth, D, False)
        for i in range(count):
            tl.store(ids + i, tl.load(ids + i) & ID)
        for i in range(count, ef):
            tl.store(values + i, -float("inf"))
            tl.store(ids + i, -1)


@triton.jit
def choose(v_ptr, scale_ptr, values_ptr, ids_ptr, count, node, links_ptr, M, most, depth, D: tl.constexpr):
    # Links a node to those of a list, best first, that are closer to it than to any chosen before: they lead into different directions.
    n = 0
    i = 0
    own = tl.load(scale_ptr + node)
    while (i < count) & (n < most):
        id = tl.load(ids_ptr + i) & ID
        score = tl.load(values_ptr + i) * own
        scale = tl.load(scale_ptr + id)
        good = id != node
        j = 0
        while (j < n) & good:
            good = score_of(v_ptr + id.to(tl.int64) * depth, v_ptr, scale_ptr, tl.load(links_ptr + j), depth, D) * scale < score
            j += 1
        if good:
            tl.store(links_ptr + n, id)
            n += 1
        i += 1
    for j in range(n, M):
        tl.store(links_ptr + j, -1)


# run: hnsw_insert | *i8:16,*fp32:16,*i32:16,*i32:16,*i32:16,*i32:16,*i32,*fp32:16,*i32:16,*i32,*fp32,*u8,*i32,i32,i32,i32,i32,i32,i32,i32:16 | D=16 | 2 | r[4800]:-127:127,r[50]:0.5:1,r[400]:0:40,r[400]:0:40,i[50],r[50]:0:2,r[2]:1:2,z[16],z[16],z[16],z[16],z[100],r[2]:253:256,40,50,50,8,8,4,64 | target=2e-6
@triton.jit
def hnsw_insert(v_ptr, scale_ptr, links_ptr, upper_ptr, rows_ptr, layers_ptr, state_ptr, values_ptr, ids_ptr, todo_ptr, scores_ptr, visited_ptr, epochs_ptr, first, last, capacity, ef,
                M0, M, depth, D: tl.constexpr):
    # Links the nodes `first` to `last` (excluding) to nodes before, on all layers up to their own; at most M on each.
    worker = tl.program_id(0)
    values = values_ptr + worker * ef
    ids = ids_ptr + worker * ef
    todo = todo_ptr + worker * M0
    scores = scores_ptr + worker * M0
    visited = visited_ptr + worker.to(tl.int64) * capacity
    for node in range(first + worker, last, tl.num_programs(0)):
        q = v_ptr + node.to(tl.int64) * depth
        layer = tl.minimum(tl.load(layers_ptr + node), tl.load(state_ptr + 1))
        descend(q, v_ptr, scale_ptr, upper_ptr, rows_ptr, state_ptr, layer, values, ids, M, depth, D)
        count = tl.full([], 1, tl.int32)
        while layer > 0:
            count = expand(q, v_ptr, scale_ptr, upper_ptr, rows_ptr, layer, M, values, ids, todo, scores, visited, new_epoch(visited, epochs_ptr, worker, capacity), count, ef, depth, D, True)
            choose(v_ptr, scale_ptr, values, ids, count, node, upper_ptr + (tl.load(rows_ptr + node) + layer - 1) * M, M, M, depth, D)
            layer -= 1
        count = expand(q, v_ptr, scale_ptr, links_ptr, rows_ptr, 0, M0, values, ids, todo, scores, visited, new_epoch(visited, epochs_ptr, worker, capacity), count, ef, depth, D, False)
        choose(v_ptr, scale_ptr, values, ids, count, node, links_ptr + node * M0, M0, M, depth, D)


# run: hnsw_link | *i8:16,*fp32:16,*i32:16,*i32:16,*i32:16,*i32:16,*i32:16,*fp32,*i32,i32,i32,i32,i32:16 | D=16 | 2 | r[4800]:-127:127,r[50]:0.5:1,r[400]:0:50,i[20],i[20],i[21],r[20]:0:50,z[64],z[64],20,32,8,64 | target=2e-6
@triton.jit
def hnsw_link(v_ptr, scale_ptr, links_ptr, targets_ptr, rows_ptr, offsets_ptr, sources_ptr, values_ptr, ids_ptr, targets, most, M, depth, D: tl.constexpr):
    # Links targets[t], whose links are in rows[t], to sources[offsets[t]] and the following. If there is no room, links are chosen among all: the `most` best.
    worker = tl.program_id(0)
    values = values_ptr + worker * most
    ids = ids_ptr + worker * most
    for t in range(worker, targets, tl.num_programs(0)):
        node = tl.load(targets_ptr + t)
        links = links_ptr + tl.load(rows_ptr + t) * M
        begin = tl.load(offsets_ptr + t)
        more = tl.load(offsets_ptr + t + 1) - begin
        n = 0
        next = tl.load(links)
        while next >= 0:
            n += 1
            next = tl.load(links + n, mask=n < M, other=-1)
        if n + more <= M:
            for i in range(more):
                tl.store(links + n + i, tl.load(sources_ptr + begin + i))
        else:
            q = v_ptr + node.to(tl.int64) * depth
            count = tl.full([], 0, tl.int32)
            for i in range(n + more):
                id = tl.load(links + i, mask=i < n, other=0)
                if i >= n:
                    id = tl.load(sources_ptr + begin + i - n)
                score = score_of(q, v_ptr, scale_ptr, id, depth, D)
                if score > tl.load(values + most - 1, mask=count == most, other=-float("inf")):
                    put(values, ids, count, most, score, id)
                    count = tl.minimum(count + 1, most)
            choose(v_ptr, scale_ptr, values, ids, count, node, links, M, M, depth, D)
