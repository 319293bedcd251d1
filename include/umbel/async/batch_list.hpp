// batch_list.hpp: the commands of a batch, encoded, with the places of their results. It knows neither the
// types of the results nor how commands are sent.
#pragma once

#include <umbel/async/block_pool.hpp>
#include <umbel/async/completion.hpp>
#include <umbel/async/try_alloc.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace umbel::async {

/// What sends a batch: the client's handle, and the options of its commands.
struct batch_origin {
    client_handle* owner = nullptr;
    std::uint32_t generation = 0;
    umbel::read_from reads = umbel::read_from::primary;
    engine::duration timeout{};
    std::uint64_t argument_bytes_max = 0;
    void const* site = nullptr;  ///< For whoever has filled the list.
};

/// A command that is more than a few bytes: it owns a block, lends pieces, or must be checked first.
class unusual_command {
public:
    unusual_command() noexcept = default;
    unusual_command(unusual_command const&) = delete;
    unusual_command& operator=(unusual_command const&) = delete;
    virtual ~unusual_command() = default;
    /// Where it goes, which may be known only with a client; any slot where it must not be sent.
    virtual cluster::slot_target slot(batch_origin const& origin) noexcept = 0;
    /// Fills in a call, or says what is wrong with the command. Errors: also throws std::bad_alloc.
    virtual result<void> fill(pooled_call& call, batch_origin const& origin) = 0;
    /// Splits a command whose keys lie in several slots: what it is made into takes its place as the part's
    /// command, and owns the call and the parts, which stand behind `part` until join(). False: it is sent as
    /// it is. Errors: of the command; also throws std::bad_alloc; nothing is changed then.
    virtual result<bool> split(batch_list&, batch_part&, pooled_call&, batch_origin const&) { return false; }
    /// The bytes of a command that was given by its words, which its client may have to learn first; else
    /// empty.
    virtual std::string_view words() const noexcept { return {}; }
    /// All have settled: where the command was split, takes its parts out of the batch and stores the result
    /// that theirs make together.
    virtual void join() noexcept {}
};

/// What a batch needs to know of the type of one result.
struct part_kind {
    engine::call_kind call;
    /// Replaces what stands in the place.
    void (*store_error)(void* place, error&& why) noexcept;
    void (*destroy)(void* place) noexcept;
    error const* (*error_in)(void const* place) noexcept;
};

/// One command of a batch. It stands in the batch's own memory, with its bytes and its result behind it.
struct batch_part {
    enum class state : std::uint8_t {
        unbegun,
        held,  ///< It waits for earlier commands of its slot.
        under_way,
        settled,
    };

    batch_part* next = nullptr;
    part_kind const* kind = nullptr;
    void* place = nullptr;  ///< Of its result, which is there from the beginning.
    char const* bytes = nullptr;
    unusual_command* unusual = nullptr;
    pooled_call* call = nullptr;  ///< While it is held after it was under way.
    std::uint32_t size =
        0;  ///< Of the bytes; of an unusual command the most parts that it may be split into.
    cluster::slot_target slot;
    cluster::command_flags flags{};
    std::uint8_t longest = 0;  ///< The bytes of its longest argument.
    bool owns_place = false;
    bool again = false;  ///< It was refused, and is sent again.
    std::atomic<state> is = state::unbegun;
};

/// What the call of a command in a batch knows, in the place of a handler.
struct part_link {
    void* run;
    batch_part* part;

    static part_link& of(engine::call& part) noexcept {
        return *std::launder(reinterpret_cast<part_link*>(static_cast<pooled_call&>(part).handler_space));
    }
};

/// The commands in their order, in memory that never moves.
/// Threading: none. Cost: no allocation in steady state, up to what block_pool keeps.
class batch_list {
public:
    batch_list() noexcept = default;
    batch_list(batch_list&& other) noexcept { swap(other); }
    batch_list& operator=(batch_list&& other) noexcept {
        swap(other);
        return *this;
    }
    ~batch_list() { clear(); }

    std::size_t size() const noexcept { return count_; }
    /// True when a command is among them that was given by its words.
    bool has_words() const noexcept { return has_words_; }
    void note_words() noexcept { has_words_ = true; }
    batch_part* first() const noexcept { return first_; }
    batch_part* last() const noexcept { return last_; }
    /// Tells lists apart, also after a move; null for an empty one.
    void const* identity() const noexcept { return first_; }

    /// Memory that lives as long as the list. Errors: throws std::bad_alloc.
    void* allocate(std::size_t bytes, std::size_t alignment) {
        std::size_t const pad = (0 - reinterpret_cast<std::uintptr_t>(at_)) & (alignment - 1);
        if (static_cast<std::size_t>(end_ - at_) < bytes + pad) [[unlikely]]
            return allocate_apart(bytes, alignment);
        void* const found = at_ + pad;
        at_ += pad + bytes;
        return found;
    }
    /// Appends a part that was made in this list's memory.
    void append(batch_part& part) noexcept {
        (last_ ? last_->next : first_) = &part;
        last_ = &part;
        ++count_;
    }
    /// Destroys every result and frees everything.
    void clear() noexcept {
        for (batch_part* part = std::exchange(first_, nullptr); part; part = part->next) {
            if (part->owns_place) part->kind->destroy(part->place);
            if (part->unusual) part->unusual->~unusual_command();
        }
        last_ = nullptr;
        count_ = 0;
        has_words_ = false;
        at_ = end_ = nullptr;
        while (chunk* const freed = chunks_) {
            chunks_ = freed->next;
            block_pool::give_back(freed, freed->bytes);
        }
    }

private:
    struct alignas(std::max_align_t) chunk {
        chunk* next;
        std::size_t bytes;
    };

    void swap(batch_list& other) noexcept {
        std::swap(chunks_, other.chunks_);
        std::swap(at_, other.at_);
        std::swap(end_, other.end_);
        std::swap(first_, other.first_);
        std::swap(last_, other.last_);
        std::swap(count_, other.count_);
        std::swap(has_words_, other.has_words_);
    }
    /// From a new chunk: each is larger than the one before, up to what the pool has.
    UMBEL_NEVER_INLINE void* allocate_apart(std::size_t bytes, std::size_t alignment) {
        std::size_t const grown =
            chunks_ ? std::min(chunks_->bytes * 4, block_pool::largest_bytes) : block_pool::smallest_bytes;
        std::size_t const size = std::max(grown, sizeof(chunk) + bytes + alignment);
        void* const at = block_pool::take(size);
        chunks_ = ::new (at) chunk{chunks_, size};
        at_ = static_cast<char*>(at) + sizeof(chunk);
        end_ = static_cast<char*>(at) + size;
        return allocate(bytes, alignment);
    }

    chunk* chunks_ = nullptr;
    char* at_ = nullptr;
    char* end_ = nullptr;
    batch_part* first_ = nullptr;
    batch_part* last_ = nullptr;
    std::size_t count_ = 0;
    bool has_words_ = false;
};

/// What has become of a command that is more than a few bytes.
enum class filled : std::uint8_t { ready, split, refused };

/// Fills in a call for such a command, which a split takes over; what is wrong with the command is its
/// result.
UMBEL_NEVER_INLINE inline filled fill_unusual(batch_list& list, batch_part& part, pooled_call& call,
                                              batch_origin const& origin) noexcept {
    result<bool> split = false;
    bool const had_memory = try_alloc([&] {
        if (result<void> good = part.unusual->fill(call, origin); !good)
            split = tl::unexpected<error>{std::move(good.error())};
        else if (call.slot.is_several())
            split = part.unusual->split(list, part, call, origin);
    });
    if (had_memory && split) return *split ? filled::split : filled::ready;
    part.kind->store_error(
        part.place, had_memory ? std::move(split.error()) : error{errc::no_memory, delivery::not_sent});
    return filled::refused;
}

/// How a batch ends: what makes the outcome of its operation from the results.
struct batch_end {
    /// Stores the outcome in the call of the operation.
    void (*finish)(void* state, batch_list& list, pooled_call& whole) noexcept = nullptr;
    void* state = nullptr;                            ///< In the memory of the list.
    void (*destroy)(void* state) noexcept = nullptr;  ///< Null where nothing is to be done.

    void destroy_state() noexcept {
        if (auto* const last = std::exchange(destroy, nullptr)) last(state);
    }
};

/// The result of one command in its place.
template <class Value>
struct part_result {
    using stored = result<Value>;

    static stored& at(void* place) noexcept { return *std::launder(static_cast<stored*>(place)); }
    static void decode(engine::call& base, resp::view const& reply) noexcept {
        void* const place = part_link::of(base).part->place;
        at(place).~stored();
        ::new (place) stored(result_slot<Value>::value_of(static_cast<pooled_call&>(base), reply));
    }
    static void fail(engine::call& base, error&& why) noexcept {
        auto const& call = static_cast<pooled_call const&>(base);
        if (has(call.flags, cluster::command_flags::foreign)) call.owner->code->note_failure(call, why);
        store_error(part_link::of(base).part->place, std::move(why));
    }
    static void complete(engine::call& base) {
        static_cast<pooled_call&>(base).owner->code->complete_part(base);
    }
    static void drop(engine::call& base) noexcept {
        static_cast<pooled_call&>(base).owner->code->drop_part(base);
    }
    static void returns(engine::call& base) noexcept {
        static_cast<pooled_call&>(base).owner->code->return_part(base);
    }
    static bool hold(engine::call& base) noexcept {
        return static_cast<pooled_call&>(base).owner->code->hold_part(base);
    }
    /// Results are only stored, so that any thread may do it.
    static bool answer(engine::call& base, resp::view const& reply) {
        decode(base, reply);
        complete(base);
        return true;
    }
    static void store_error(void* place, error&& why) noexcept {
        at(place).~stored();
        ::new (place) stored{tl::unexpect, std::move(why)};
    }
    static void destroy(void* place) noexcept { at(place).~stored(); }
    static error const* error_in(void const* place) noexcept {
        auto const& told = *std::launder(static_cast<stored const*>(place));
        return told ? nullptr : &told.error();
    }
    static constexpr part_kind kind{.call = {.decode = &decode,
                                             .fail = &fail,
                                             .complete = &complete,
                                             .drop = &drop,
                                             .answer = &answer,
                                             .returns = &returns,
                                             .hold = &hold},
                                    .store_error = &store_error,
                                    .destroy = &destroy,
                                    .error_in = &error_in};
};

}  // namespace umbel::async
