// many(a0: *i32, a1: *i32, a2: *i32, a3: *i32, a4: *i32, a5: *i32, a6: *i32, a7: *i32, a8: *i32, a9: *i32, a10: *i32, a11: *i32, n: i32)
// a11 += a0 + 2 a1 + ... + 11 a10.
@group(0) @binding(0) var<uniform> params: array<vec4u, 8>;
@group(0) @binding(1) var<storage, read_write> a0: array<u32>;
fn a0_get(i: u32) -> u32 { return a0[i]; }
fn a0_put(i: u32, v: u32) { a0[i] = v; }
@group(0) @binding(2) var<storage, read_write> a1: array<vec4u>;
fn a1_get(i: u32) -> u32 { return a1[i >> 2u][i & 3u]; }
fn a1_put(i: u32, v: u32) { a1[i >> 2u][i & 3u] = v; }
@group(0) @binding(3) var<storage, read_write> a2: array<u32>;
fn a2_get(i: u32) -> u32 { return a2[i]; }
fn a2_put(i: u32, v: u32) { a2[i] = v; }
@group(0) @binding(4) var<storage, read_write> a3: array<atomic<u32>>;
fn a3_get(i: u32) -> u32 { return atomicLoad(&a3[i]); }
fn a3_put(i: u32, v: u32) { atomicStore(&a3[i], v); }
@group(0) @binding(5) var<storage, read_write> a4: array<u32>;
fn a4_get(i: u32) -> u32 { return a4[i]; }
fn a4_put(i: u32, v: u32) { a4[i] = v; }
@group(0) @binding(6) var<storage, read_write> a5: array<vec4u>;
fn a5_get(i: u32) -> u32 { return a5[i >> 2u][i & 3u]; }
fn a5_put(i: u32, v: u32) { a5[i >> 2u][i & 3u] = v; }
@group(0) @binding(7) var<storage, read_write> a6: array<u32>;
fn a6_get(i: u32) -> u32 { return a6[i]; }
fn a6_put(i: u32, v: u32) { a6[i] = v; }
@group(0) @binding(8) var<storage, read_write> a7: array<atomic<u32>>;
fn a7_get(i: u32) -> u32 { return atomicLoad(&a7[i]); }
fn a7_put(i: u32, v: u32) { atomicStore(&a7[i], v); }
@group(0) @binding(9) var<storage, read_write> a8: array<u32>;
fn a8_get(i: u32) -> u32 { return a8[i]; }
fn a8_put(i: u32, v: u32) { a8[i] = v; }
@group(0) @binding(10) var<storage, read_write> a9: array<vec4u>;
fn a9_get(i: u32) -> u32 { return a9[i >> 2u][i & 3u]; }
fn a9_put(i: u32, v: u32) { a9[i >> 2u][i & 3u] = v; }
@group(0) @binding(11) var<storage, read_write> a10: array<u32>;
fn a10_get(i: u32) -> u32 { return a10[i]; }
fn a10_put(i: u32, v: u32) { a10[i] = v; }
@group(0) @binding(12) var<storage, read_write> a11: array<atomic<u32>>;
fn a11_get(i: u32) -> u32 { return atomicLoad(&a11[i]); }
fn a11_put(i: u32, v: u32) { atomicStore(&a11[i], v); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    let i = p * 64u + thread;
    if (i < params[7].x) {
      var sum = a11_get(params[6].z / 4u + i);
      sum += 1u * a0_get(params[1].x / 4u + i);
      sum += 2u * a1_get(params[1].z / 4u + i);
      sum += 3u * a2_get(params[2].x / 4u + i);
      sum += 4u * a3_get(params[2].z / 4u + i);
      sum += 5u * a4_get(params[3].x / 4u + i);
      sum += 6u * a5_get(params[3].z / 4u + i);
      sum += 7u * a6_get(params[4].x / 4u + i);
      sum += 8u * a7_get(params[4].z / 4u + i);
      sum += 9u * a8_get(params[5].x / 4u + i);
      sum += 10u * a9_get(params[5].z / 4u + i);
      sum += 11u * a10_get(params[6].x / 4u + i);
      a11_put(params[6].z / 4u + i, sum);
    }
  }
}
