// Layers of a synthesis at inference on a CPU: convolutions with what follows them, and Restormer blocks.
//
// Maps are [H, W, C], float32. Every product is that of a few pixels by a few vectors of output channels,
// held in registers while taps and input channels pass by. Inputs of a product lie in blocks of LANES channels,
// [C / LANES, pixels, LANES], in stripes narrow enough for the second cache. Vectors are GCC's (and Clang's), of
// AVX-512 or AVX2. Nothing here decides a bit of a stream.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16, ACCUMULATORS = 24, MOST_BLOCKS = 4;
#else  // AVX2
constexpr int LANES = 8, ACCUMULATORS = 12, MOST_BLOCKS = 2;
#endif
typedef float V __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

constexpr int SLACK = 24;  // pixels beyond a row that a product may read

#define ALWAYS_INLINE inline __attribute__((always_inline))

ALWAYS_INLINE V load(const float* p) { return *reinterpret_cast<const V*>(p); }
ALWAYS_INLINE void store(float* p, V v) { *reinterpret_cast<V*>(p) = v; }
ALWAYS_INLINE V splat(float x) { return x - V{}; }

ALWAYS_INLINE V load(const float* p, int lanes) {
    if (lanes >= LANES) return load(p);
    V v{};
    for (int i = 0; i < lanes; ++i) v[i] = p[i];
    return v;
}

ALWAYS_INLINE void store(float* p, V v, int lanes) {
    if (lanes >= LANES) return store(p, v);
    for (int i = 0; i < lanes; ++i) p[i] = v[i];
}

#if defined(__AVX512F__)
typedef float V8 __attribute__((vector_size(32)));
typedef float V4 __attribute__((vector_size(16)));

ALWAYS_INLINE float sum(V v) {
    V8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
           __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    V4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
    return (b[0] + b[2]) + (b[1] + b[3]);
}

// Lane i of the result is the sum of v[i]: halves are added until one lane of each vector is left.
template <int HALF>
ALWAYS_INLINE V fold(V a, V b) {
    if constexpr (HALF == 8)
        return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
               __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    if constexpr (HALF == 4)
        return __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
               __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    if constexpr (HALF == 2)
        return __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
               __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    return __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
           __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
}

ALWAYS_INLINE void sum_each(V (&v)[16], float (&sums)[16]) {
    for (int i = 0; i < 8; ++i) v[i] = fold<8>(v[i], v[i + 8]);
    for (int i = 0; i < 4; ++i) v[i] = fold<4>(v[i], v[i + 4]);
    for (int i = 0; i < 2; ++i) v[i] = fold<2>(v[i], v[i + 2]);
    store(sums, fold<1>(v[0], v[1]));
}
#else
ALWAYS_INLINE float sum(V v) {
    float total = 0;
    for (int i = 0; i < LANES; ++i) total += v[i];
    return total;
}

ALWAYS_INLINE void sum_each(V (&v)[16], float (&sums)[16]) {
    for (int i = 0; i < 16; ++i) sums[i] = sum(v[i]);
}
#endif

ALWAYS_INLINE void taps_of(const float* weight, V (&w)[9]) {
    for (int t = 0; t < 9; ++t) w[t] = load(weight + t * LANES);
}

ALWAYS_INLINE V clamp(V x, float most) {
    x = x > splat(most) ? splat(most) : x;
    return x < splat(-most) ? splat(-most) : x;
}

// Rational approximations to a few units in the last place, as Eigen has them.
ALWAYS_INLINE V tanh_of(V x) {
    x = clamp(x, 7.90531110763549805f);
    const V s = x * x;
    V p = s * -2.76076847742355e-16f + 2.00018790482477e-13f;
    p = p * s + -8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    V q = s * 1.19825839466702e-06f + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    return x * p / q;
}

ALWAYS_INLINE V erf_of(V x) {
    x = clamp(x, 4.0f);
    const V s = x * x;
    V p = s * -2.72614225801306e-10f + 2.77068142495902e-08f;
    p = p * s + -2.10102402082508e-06f;
    p = p * s + -5.69250639462346e-05f;
    p = p * s + -7.34990630326855e-04f;
    p = p * s + -2.95459980854025e-03f;
    p = p * s + -1.60960333262415e-02f;
    V q = s * -1.45660718464996e-05f + -2.13374055278905e-04f;
    q = q * s + -1.68282697438203e-03f;
    q = q * s + -7.37332916720468e-03f;
    q = q * s + -1.42647390514189e-02f;
    return x * p / q;
}

ALWAYS_INLINE V sigmoid(V x) { return tanh_of(x * 0.5f) * 0.5f + 0.5f; }
ALWAYS_INLINE V gelu(V x) { return x * 0.5f * (erf_of(x * 0.70710678118654752f) + 1.0f); }
ALWAYS_INLINE V relu(V x) { return x > V{} ? x : V{}; }
ALWAYS_INLINE V leaky(V x) { return x > V{} ? x : x * 0.01f; }
ALWAYS_INLINE V relu6(V x) { return relu(x) < splat(6.0f) ? relu(x) : splat(6.0f); }

// x, or exp(x) - 1 below zero, by the tangent of half of it.
ALWAYS_INLINE V elu(V x) {
    const V t = tanh_of((x > V{} ? V{} : x) * 0.5f);
    return x > V{} ? x : t * 2.0f / (1.0f - t);
}

int blocks_of(int channels) { return (channels + LANES - 1) / LANES; }

int panel_of(int blocks) {
    for (int wide = MOST_BLOCKS; wide > 1; --wide)
        if (blocks % wide == 0) return wide;
    return 1;
}

long cache_bytes() {
    static const long bytes = [] {
        long found = -1;
#ifdef _SC_LEVEL2_CACHE_SIZE
        found = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
        return found > 0 ? found : 512 * 1024L;
    }();
    return bytes;
}

// Pixels of a stripe: what `floats` a pixel take fills half of the second cache; of equal width.
int stripe_of(int width, long floats) {
    const long most = std::max(48L, cache_bytes() / 2 / (4 * floats));
    const int stripes = static_cast<int>((width + most - 1) / most);
    return (width + stripes - 1) / stripes;
}

// Acc[p][n] += sum over taps and inputs; a tap points to its first pixel, pixels lie STEP * LANES apart.
template <int NB, int P, int STEP>
ALWAYS_INLINE void multiply(V (&acc)[P][NB], const float* const* taps, int count, int inputs, ptrdiff_t block,
                            const float* w) {
    for (int t = 0; t < count; ++t) {
        const float* a = taps[t];
        for (int first = 0; first < inputs; first += LANES, a += block) {
            const int most = std::min(LANES, inputs - first);
            for (int k = 0; k < most; ++k, w += NB * LANES) {
                V wide[NB];
#pragma GCC unroll 8
                for (int n = 0; n < NB; ++n) wide[n] = load(w + n * LANES);
#pragma GCC unroll 32
                for (int p = 0; p < P; ++p) {
                    const V x = splat(a[p * STEP * LANES + k]);
#pragma GCC unroll 8
                    for (int n = 0; n < NB; ++n) acc[p][n] += x * wide[n];
                }
            }
        }
    }
}

// All pixels by all output channels; `finish(pixel, block, value)` takes each vector of the product.
template <int NB, int STEP, class Finish>
void product_by(const float* const* taps, int count, int inputs, ptrdiff_t block, const float* weight,
                const float* bias, int panels, int pixels, const Finish& finish) {
    constexpr int P = ACCUMULATORS / NB;
    for (int panel = 0; panel < panels; ++panel) {
        const float* w = weight + static_cast<ptrdiff_t>(panel) * count * inputs * NB * LANES;
        for (int first = 0; first < pixels; first += P) {
            const float* moved[16];
            for (int t = 0; t < count; ++t) moved[t] = taps[t] + first * STEP * LANES;
            V acc[P][NB];
#pragma GCC unroll 32
            for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
                for (int n = 0; n < NB; ++n) acc[p][n] = load(bias + (panel * NB + n) * LANES);
            multiply<NB, P, STEP>(acc, moved, count, inputs, block, w);
#pragma GCC unroll 32
            for (int p = 0; p < P; ++p)
                if (first + p < pixels)
#pragma GCC unroll 8
                    for (int n = 0; n < NB; ++n) finish(first + p, panel * NB + n, acc[p][n]);
        }
    }
}

template <int STEP, class Finish>
void product(const float* const* taps, int count, int inputs, ptrdiff_t block, const float* weight,
             const float* bias, int outputs, int pixels, const Finish& finish) {
    const int blocks = blocks_of(outputs), wide = panel_of(blocks), panels = blocks / wide;
    switch (wide) {
        case 1: return product_by<1, STEP>(taps, count, inputs, block, weight, bias, panels, pixels, finish);
        case 2: return product_by<2, STEP>(taps, count, inputs, block, weight, bias, panels, pixels, finish);
#if defined(__AVX512F__)
        case 3: return product_by<3, STEP>(taps, count, inputs, block, weight, bias, panels, pixels, finish);
        case 4: return product_by<4, STEP>(taps, count, inputs, block, weight, bias, panels, pixels, finish);
#endif
    }
}

// `rows` shared out over threads, of OpenMP as torch's are: work(first, end, number of the thread).
template <class Work>
void in_threads(int rows, int threads, const Work& work) {
    threads = std::max(1, std::min(threads, rows));
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int i = 0; i < threads; ++i) work(rows * i / threads, rows * (i + 1) / threads, i);
}

}  // namespace

extern "C" {

enum Before { AS_IT_IS, LEAKY, RELU6 };
enum After { NONE, RELU, ADD, GATE, RESAU, TIMES };

struct Phase {
    int taps;
    int dy[9], dx[9];
    int row, column;      // of the output, in steps of `Convolution::spread`
    const float* weight;  // [outputs / (LANES NB), taps, inputs, LANES NB]
    const float* bias;    // [outputs], zeros up to a multiple of LANES
};

struct Convolution {
    const float* x;
    int height, width, inputs, x_stride;
    float* out;
    int rows, columns, outputs, out_stride;  // of each phase
    int stride, spread, phases;
    Phase phase[4];
    int before;
    int after;
    const float* first;
    const float* second;
    int threads;
};

// Large pages for what is written next: a map of a picture has thousands of small ones.
void use_large_pages(void* start, size_t bytes) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 4096, first = (reinterpret_cast<uintptr_t>(start) + page - 1) / page * page;
    const uintptr_t end = (reinterpret_cast<uintptr_t>(start) + bytes) / page * page;
    if (end > first) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
#endif
}

int lanes() { return LANES; }

int panel_width(int channels) { return LANES * panel_of(blocks_of(channels)); }

// Out = after(convolution(x)): ADD first, GATE first + second * sigmoid, RESAU first * (1 + tanh), TIMES first.
void convolve(const Convolution* c) {
    int top = 0, bottom = 0, left = 0, right = 0;
    for (int i = 0; i < c->phases; ++i)
        for (int t = 0; t < c->phase[i].taps; ++t) {
            top = std::min(top, c->phase[i].dy[t]), bottom = std::max(bottom, c->phase[i].dy[t]);
            left = std::min(left, c->phase[i].dx[t]), right = std::max(right, c->phase[i].dx[t]);
        }
    const int held = bottom - top + 1, blocks = blocks_of(c->inputs);
    const int stripe = stripe_of(c->columns, static_cast<long>(held) * blocks * LANES * c->stride);
    in_threads(c->rows, c->threads, [&](int from, int end, int) {
        const int seen = (stripe + SLACK) * c->stride + right - left;
        const ptrdiff_t block = static_cast<ptrdiff_t>(seen) * LANES, slot = block * blocks;
        std::vector<float> ring(slot * held);
        const auto at = [&](int row) { return ring.data() + ((row + held) % held) * slot; };
        for (int column = 0; column < c->columns; column += stripe) {
            const int pixels = std::min(stripe, c->columns - column), begin = column * c->stride + left;
            int next = from * c->stride + top;
            for (int row = from; row < end; ++row) {
                for (const int last = row * c->stride + bottom; next <= last; ++next) {
                    float* to = at(next);
                    const bool inside = next >= 0 && next < c->height;
                    const int used = (pixels - 1) * c->stride + right - left + 1;
                    const float* line = c->x + static_cast<ptrdiff_t>(next) * c->width * c->x_stride;
                    for (int i = 0; i < used; ++i) {
                        const int where = begin + i;
                        const bool is_pixel = inside && where >= 0 && where < c->width;
                        const float* p = line + static_cast<ptrdiff_t>(where) * c->x_stride;
                        for (int b = 0; b < blocks; ++b) {
                            V v = is_pixel ? load(p + b * LANES, c->inputs - b * LANES) : V{};
                            if (c->before == LEAKY) v = leaky(v);
                            if (c->before == RELU6) v = relu6(v);
                            store(to + b * block + i * LANES, v);
                        }
                    }
                }
                for (int i = 0; i < c->phases; ++i) {
                    const Phase& phase = c->phase[i];
                    const float* taps[9];
                    for (int t = 0; t < phase.taps; ++t)
                        taps[t] = at(row * c->stride + phase.dy[t]) + (phase.dx[t] - left) * LANES;
                    const ptrdiff_t out_row = row * c->spread + phase.row;
                    const ptrdiff_t start = out_row * c->columns * c->spread + column * c->spread + phase.column;
                    const auto finish = [&](int pixel, int b, V v) {
                        const int lanes = c->outputs - b * LANES;
                        const ptrdiff_t place = (start + static_cast<ptrdiff_t>(pixel) * c->spread) * c->out_stride +
                                                b * LANES;
                        switch (c->after) {
                            case RELU: v = relu(v); break;
                            case ADD: v += load(c->first + place, lanes); break;
                            case GATE:
                                v = load(c->first + place, lanes) + load(c->second + place, lanes) * sigmoid(v);
                                break;
                            case RESAU: {
                                const V x = load(c->first + place, lanes);
                                v = x + x * tanh_of(v);
                                break;
                            }
                            case TIMES: v *= load(c->first + place, lanes); break;
                        }
                        store(c->out + place, v, lanes);
                    };
                    const auto by = c->stride == 1 ? product<1, decltype(finish)> : product<2, decltype(finish)>;
                    by(taps, phase.taps, c->inputs, block, phase.weight, phase.bias, c->outputs, pixels, finish);
                }
            }
        }
    });
}

struct Planes {
    const float* x;
    int height, width, inputs, x_stride;
    float* out;           // [outputs, 2 height, 2 width]
    int outputs;
    const float* weight;  // [outputs, blocks, 9, LANES]: of the pixels at (0, 0), (0, 1), (1, 0), (1, 1) of four
    const float* bias;    // [outputs]
    int threads;
};

// A transposed convolution, 3x3 of stride 2, to few channels: lanes are input channels, summed up at the end.
void planes(const Planes* c) {
    const int blocks = blocks_of(c->inputs);
    const std::vector<float> none(blocks * LANES);
    in_threads(c->height, c->threads, [&](int from, int end, int) {
        for (int row = from; row < end; ++row) {
            const float* line = c->x + static_cast<ptrdiff_t>(row) * c->width * c->x_stride;
            for (int column = 0; column < c->width; column += 4) {
                const float *high[5], *low[5];
                for (int i = 0; i < 5; ++i) {
                    const bool inside = column + i < c->width;
                    high[i] = inside ? line + static_cast<ptrdiff_t>(column + i) * c->x_stride : none.data();
                    low[i] = inside && row + 1 < c->height
                                 ? high[i] + static_cast<ptrdiff_t>(c->width) * c->x_stride
                                 : none.data();
                }
                for (int n = 0; n < c->outputs; ++n) {
                    V v[16] = {};
                    for (int b = 0; b < blocks; ++b) {
                        const int lanes = c->inputs - b * LANES;
                        V w[9];
                        taps_of(c->weight + static_cast<ptrdiff_t>(n * blocks + b) * 9 * LANES, w);
                        V x = load(high[0] + b * LANES, lanes), y = load(low[0] + b * LANES, lanes);
#pragma GCC unroll 4
                        for (int i = 0; i < 4; ++i) {
                            const V right = load(high[i + 1] + b * LANES, lanes);
                            const V other = load(low[i + 1] + b * LANES, lanes);
                            v[2 * i] += x * w[0];
                            v[2 * i + 1] += x * w[1] + right * w[2];
                            v[8 + 2 * i] += x * w[3] + y * w[4];
                            v[9 + 2 * i] += x * w[5] + right * w[6] + y * w[7] + other * w[8];
                            x = right, y = other;
                        }
                    }
                    float sums[16];
                    sum_each(v, sums);
                    const int used = 2 * std::min(4, c->width - column);
                    float* to = c->out + ((static_cast<ptrdiff_t>(n) * c->height + row) * 2 * c->width + column) * 2;
                    for (int i = 0; i < used; ++i) to[i] = sums[i] + c->bias[n], to[2 * c->width + i] = sums[8 + i] + c->bias[n];
                }
            }
        }
    });
}

struct Restormer {
    const float* x;  // [height, width, channels]
    int height, width, channels, x_stride, heads, hidden;
    const float* qkv;            // 1x1, normalisation folded in: q, k, v, each of whole blocks
    const float* qkv_bias;
    const float* depthwise;      // [3 blocks, 9, LANES]
    float* value;                // [height, blocks, width, LANES], and SLACK pixels
    float* products;             // [threads, channels, LANES blocks]: q by k, summed over the pixels
    float* squares;              // [threads, 2, LANES blocks]: of q and of k
    const float* mixing;         // 1x1, from value
    const float* expand;         // 1x1, normalisation folded in: gate, passed, each of whole blocks
    const float* expand_bias;
    const float* gate_depthwise; // [2 hidden blocks, 9, LANES]
    const float* project;        // 1x1
    const float* zeros;
    float* out;
    int out_stride;
    int elu;  // the gate's, GELU otherwise
    int threads;
};

}  // extern "C"

namespace {

constexpr float EPSILON = 1e-5f;

// Over the channels of each pixel, from and to blocks; channels beyond stay zero.
void normalise(const float* x, ptrdiff_t x_block, float* out, ptrdiff_t out_block, int channels, int pixels) {
    const int blocks = blocks_of(channels), rest = channels - (blocks - 1) * LANES;
    V mask{};
    for (int i = 0; i < rest; ++i) mask[i] = 1.0f;
    for (int i = 0; i < pixels; ++i, x += LANES, out += LANES) {
        V total{};
        for (int b = 0; b < blocks; ++b) total += load(x + b * x_block);
        const float mean = sum(total) / channels;
        V squares{};
        for (int b = 0; b < blocks; ++b) {
            V d = load(x + b * x_block) - mean;
            if (b == blocks - 1) d *= mask;
            store(out + b * out_block, d);
            squares += d * d;
        }
        const float scale = 1.0f / std::sqrt(sum(squares) / channels + EPSILON);
        for (int b = 0; b < blocks; ++b) store(out + b * out_block, load(out + b * out_block) * scale);
    }
}

ALWAYS_INLINE V depthwise(const float* const* rows, const V (&w)[9], int pixel) {
    V v{};
#pragma GCC unroll 3
    for (int y = 0; y < 3; ++y)
#pragma GCC unroll 3
        for (int x = 0; x < 3; ++x) v += load(rows[y] + (pixel + x) * LANES) * w[3 * y + x];
    return v;
}

// Three rows of a stripe, with a column on either side, before a depthwise convolution.
struct Ring {
    ptrdiff_t block, slot;
    std::vector<float> floats;
    Ring(int stripe, int blocks)
        : block(static_cast<ptrdiff_t>(stripe + 2 + SLACK) * LANES), slot(block * blocks), floats(3 * slot) {}
    float* at(int row) { return floats.data() + ((row + 3) % 3) * slot; }
};

// Of a stripe: the columns that are computed, and where the first lies in the ring.
struct Columns {
    int first, end, begin, pixels, offset;
    Columns(int column, int stripe, int width)
        : first(column),
          end(std::min(column + stripe, width)),
          begin(std::max(column - 1, 0)),
          pixels(std::min(end + 1, width) - begin),
          offset(begin - (column - 1)) {}
};

// Product of one row into the ring; zeros beyond the picture.
void fill(Ring& ring, int row, bool inside, const Columns& columns, const float* input, ptrdiff_t input_block,
          int inputs, const float* weight, const float* bias, int blocks) {
    float* to = ring.at(row);
    if (!inside) {
        std::memset(to, 0, sizeof(float) * ring.slot);
        return;
    }
    product<1>(&input, 1, inputs, input_block, weight, bias, blocks * LANES, columns.pixels,
            [&](int pixel, int b, V v) {
                store(to + b * ring.block + (columns.offset + pixel) * LANES, v);
            });
    for (int b = 0; b < blocks; ++b) {
        if (columns.offset) store(to + b * ring.block, V{});
        if (columns.begin + columns.pixels == columns.end)
            store(to + b * ring.block + (columns.offset + columns.pixels) * LANES, V{});
    }
}

}  // namespace

extern "C" {

// v of every pixel, the products of q and k, and their squares.
void attend(const Restormer* r) {
    const int blocks = blocks_of(r->channels), each = r->channels / r->heads, wide = blocks * LANES;
    const int stripe = stripe_of(r->width, 3L * 3 * wide);
    in_threads(r->height, r->threads, [&](int from, int end, int thread) {
        Ring ring(stripe, 3 * blocks);
        const ptrdiff_t block = ring.block;
        std::vector<float> plain(block * blocks), normal(block * blocks), mapped(2 * block * blocks);
        float* products = r->products + static_cast<ptrdiff_t>(thread) * wide * wide;
        float* squares = r->squares + static_cast<ptrdiff_t>(thread) * 2 * wide;
        for (int column = 0; column < r->width; column += stripe) {
            const Columns columns(column, stripe, r->width);
            const int own = columns.end - columns.first;
            for (int row = from - 1; row <= end; ++row) {
                const bool inside = row >= 0 && row < r->height;
                if (inside) {
                    const float* x = r->x + (static_cast<ptrdiff_t>(row) * r->width + columns.begin) * r->x_stride;
                    for (int i = 0; i < columns.pixels; ++i)
                        for (int b = 0; b < blocks; ++b)
                            store(plain.data() + b * block + i * LANES,
                                  load(x + i * r->x_stride + b * LANES, r->channels - b * LANES));
                    normalise(plain.data(), block, normal.data(), block, r->channels, columns.pixels);
                }
                fill(ring, row, inside, columns, normal.data(), block, r->channels, r->qkv, r->qkv_bias, 3 * blocks);
                const int of = row - 1;
                if (of < from) continue;
                for (int b = 0; b < 3 * blocks; ++b) {
                    const float* rows[3] = {ring.at(of - 1) + b * block, ring.at(of) + b * block,
                                            ring.at(of + 1) + b * block};
                    V w[9];
                    taps_of(r->depthwise + static_cast<ptrdiff_t>(b) * 9 * LANES, w);
                    if (b < 2 * blocks) {
                        V square{};
                        float* to = mapped.data() + b * block;
                        for (int i = 0; i < own; ++i) {
                            const V v = depthwise(rows, w, i);
                            store(to + i * LANES, v);
                            square += v * v;
                        }
                        store(squares + b * LANES, load(squares + b * LANES) + square);
                    } else {
                        float* to = r->value +
                                    ((static_cast<ptrdiff_t>(of) * blocks + b - 2 * blocks) * r->width + column) * LANES;
                        for (int i = 0; i < own; ++i) store(to + i * LANES, depthwise(rows, w, i));
                    }
                }
                for (int i = 0; i < blocks; ++i) {
                    const int low = i * LANES / each * each / LANES;
                    const int high = std::min(wide - 1, ((i * LANES + LANES - 1) / each + 1) * each - 1) / LANES;
                    for (int j = low; j <= high; ++j) {
                        const float* q = mapped.data() + i * block;
                        const float* k = mapped.data() + (blocks + j) * block;
                        V acc[LANES] = {};
                        for (int p = 0; p < own; ++p) {
                            const V other = load(k + p * LANES);
#pragma GCC unroll 16
                            for (int n = 0; n < LANES; ++n) acc[n] += q[p * LANES + n] * other;
                        }
                        for (int n = 0; n < LANES; ++n) {
                            float* to = products + (i * LANES + n) * static_cast<ptrdiff_t>(wide) + j * LANES;
                            store(to, load(to) + acc[n]);
                        }
                    }
                }
            }
        }
    });
}

// Out = y + feed-forward(y), where y = x + mixing(value).
void feed(const Restormer* r) {
    const int blocks = blocks_of(r->channels), hidden = blocks_of(r->hidden);
    const int stripe = stripe_of(r->width, 3L * 2 * hidden * LANES);
    in_threads(r->height, r->threads, [&](int from, int end, int) {
        Ring ring(stripe, 2 * hidden);
        const ptrdiff_t block = ring.block;
        std::vector<float> normal(block * blocks), gated(block * hidden), attended(3 * block * blocks);
        const auto y_of = [&](int row) { return attended.data() + ((row + 3) % 3) * block * blocks; };
        for (int column = 0; column < r->width; column += stripe) {
            const Columns columns(column, stripe, r->width);
            const int own = columns.end - columns.first;
            for (int row = from - 1; row <= end; ++row) {
                const bool inside = row >= 0 && row < r->height;
                if (inside) {
                    float* y = y_of(row);
                    const float* x = r->x + (static_cast<ptrdiff_t>(row) * r->width + columns.begin) * r->x_stride;
                    const float* value =
                        r->value + (static_cast<ptrdiff_t>(row) * blocks * r->width + columns.begin) * LANES;
                    product<1>(&value, 1, r->channels, static_cast<ptrdiff_t>(r->width) * LANES, r->mixing, r->zeros,
                            r->channels, columns.pixels, [&](int pixel, int b, V v) {
                                store(y + b * block + pixel * LANES,
                                      v + load(x + pixel * r->x_stride + b * LANES, r->channels - b * LANES));
                            });
                    normalise(y, block, normal.data(), block, r->channels, columns.pixels);
                }
                fill(ring, row, inside, columns, normal.data(), block, r->channels, r->expand, r->expand_bias,
                     2 * hidden);
                const int of = row - 1;
                if (of < from) continue;
                for (int b = 0; b < hidden; ++b) {
                    const ptrdiff_t passed = hidden * block;
                    const float* rows[3] = {ring.at(of - 1) + b * block, ring.at(of) + b * block,
                                            ring.at(of + 1) + b * block};
                    const float* others[3] = {rows[0] + passed, rows[1] + passed, rows[2] + passed};
                    V w[9], u[9];
                    taps_of(r->gate_depthwise + static_cast<ptrdiff_t>(b) * 9 * LANES, w);
                    taps_of(r->gate_depthwise + static_cast<ptrdiff_t>(hidden + b) * 9 * LANES, u);
                    float* to = gated.data() + b * block;
                    for (int i = 0; i < own; ++i) {
                        const V gate = depthwise(rows, w, i);
                        store(to + i * LANES, (r->elu ? elu(gate) : gelu(gate)) * depthwise(others, u, i));
                    }
                }
                const float* input = gated.data();
                const float* y = y_of(of) + (columns.first - columns.begin) * LANES;
                float* out = r->out + (static_cast<ptrdiff_t>(of) * r->width + columns.first) * r->out_stride;
                product<1>(&input, 1, r->hidden, block, r->project, r->zeros, r->channels, own,
                        [&](int pixel, int b, V v) {
                            store(out + pixel * r->out_stride + b * LANES, v + load(y + b * block + pixel * LANES),
                                  r->channels - b * LANES);
                        });
            }
        }
    });
}

}  // extern "C"
