// for_each.hpp: the elements of a large reply, one by one, for a function of the caller's:
// client::for_each(). It knows no connection.
#pragma once

#include <umbel/client/for_each_commands.hpp>
#include <umbel/client/make_operation.hpp>
#include <umbel/resp/decode.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace umbel {

namespace calling {

/// Where the elements of a call's reply go, and how far they have come. Beginning it begins the call.
/// Threading: one after the other, on whatever thread the reply is read.
class element_sink : public async::call_group {
public:
    explicit element_sink(async::pooled_call& whole) noexcept : whole_{whole} {}

    void start(async::backend& backend) final { backend.start(whole_); }

    /// False: no more is wanted.
    bool take(resp::view const& element) noexcept {
        if (ended_ || wrong_) return false;
        UMBEL_TRY {
            if (result<bool> const more = give(element); !more)
                wrong_.emplace(more.error());
            else
                ended_ = !*more;
        }
        UMBEL_CATCH(std::bad_alloc const&) {
            wrong_.emplace(errc::no_memory, delivery::executed);
        }
        UMBEL_CATCH(...) {
            wrong_.emplace(errc::bad_argument, delivery::executed,
                           "the function given to for_each() threw an exception");
        }
        return !ended_ && !wrong_;
    }
    bool ended() const noexcept { return ended_; }
    std::optional<error> const& wrong() const noexcept { return wrong_; }
    std::uint64_t count() const noexcept { return count_; }
    /// A key has come whose value has not.
    virtual bool is_between() const noexcept = 0;

protected:
    /// True: go on. Errors: unexpected_type; throws what the function throws, and std::bad_alloc.
    virtual result<bool> give(resp::view const& element) = 0;
    std::uint64_t count_ = 0;  ///< Of calls of the function that have returned.

private:
    async::pooled_call& whole_;
    bool ended_ = false;  ///< The function has had enough.
    std::optional<error> wrong_;
};

}  // namespace calling

/// What for_each() tells when it has ended well.
///
/// **The function** has one parameter for each element, or two for pairs: of maps, of flat arrays (HGETALL in
/// RESP2), and of arrays of arrays of two (ZRANGE … WITHSCORES in RESP3). A parameter is a std::string_view,
/// a resp::view of the element as it came, or any type that a reply is decoded into. An aggregate within the
/// reply is one element, and is given whole (XRANGE: an entry). The function returns nothing, or false when
/// it wants no more. Keys among the elements keep a prefix. Lifetime: views are valid for the call only; the
/// function is moved into the operation, and destroyed when that has completed. Threading: it is called where
/// the connection is read, which may be another thread than the handler's, one call after the other, and
/// never after the completion. It may begin commands, and cancel its operation. Precondition: it neither
/// waits nor destroys the client. All commands on the connection wait while it works, and behind the reply.
///
/// **Memory**: the largest element, and a chunk of 64 KiB at most. options::reply_bytes_max and elements_max
/// hold for each element, not for the reply. A reply in the streamed form or with attributes in front, which
/// no server sends to a command, is read as one before its elements are given.
///
/// **Stopping**: the operation ends at once; the rest of the reply is received and dropped, so that the
/// connection stays in step and nobody else loses it. That takes the time of the transfer, for those behind
/// it: to see a few elements of many, scan (client::scan_hash()). So it is after a cancellation and a
/// deadline. The deadline is that of the whole reply: client::with(no_deadline) for large ones. Its time is
/// not in the latency histograms, since it is the function's, too. While a server makes a reply of millions
/// of elements it answers nobody: until the first of them comes, options::large_reply_timeout and the
/// deadline allowing, this connection's silence is not taken for death, and other commands on it wait, or
/// meet their deadlines; also where the node has died meanwhile. Other connections to the node (of another
/// io_context, of replica reads, of another client) are taken for dead after options::probe_after and
/// probe_timeout as ever, and their reads are sent again.
///
/// Errors: as of every command; redirects and repetitions come before the first element only. From then on
/// the delivery is executed, nothing is sent again, and error::elements_given() says how many calls of the
/// function had returned. unexpected_type for a reply that is no aggregate (null is one of no elements), for
/// an element that cannot be read as the parameter, and for an odd number of elements where pairs are wanted;
/// bad_argument (executed) where the function throws. Never hedged.
struct elements_given {
    std::uint64_t count = 0;  ///< Calls of the function: elements, or pairs.
    bool all = true;          ///< False: the function wanted no more.

    friend bool operator==(elements_given const&, elements_given const&) = default;

    /// For the library: an element has come.
    static bool take_element(async::pooled_call& call, resp::view const& element) noexcept {
        return sink_of(call).take(element);
    }
    /// For the library: the reply has ended, or was no aggregate of announced length.
    static result<elements_given> of_reply(async::pooled_call& call, resp::view const& reply) noexcept {
        calling::element_sink& sink = sink_of(call);
        if (reply.is_aggregate()) {
            for (resp::view const element : reply.children())
                if (!sink.take(element)) break;
        } else if (!reply.is_null()) {
            return unexpected("an array, a map or a set", reply);
        }
        if (sink.wrong()) return tl::unexpected<error>{sink.wrong()->after(sink.count())};
        if (sink.is_between() && !sink.ended())
            return tl::unexpected<error>{error{errc::unexpected_type, delivery::executed,
                                               "expected pairs, got an odd number of elements"}
                                             .after(sink.count())};
        return elements_given{sink.count(), !sink.ended()};
    }
    /// For the library: the error, with what was given before.
    static error explained(async::pooled_call& call, error&& why) noexcept {
        return call.group ? why.after(sink_of(call).count()) : std::move(why);
    }

private:
    static calling::element_sink& sink_of(async::pooled_call& call) noexcept {
        return static_cast<calling::element_sink&>(*call.group);
    }
};

namespace calling {

/// Reads elements for a function with parameters of these types: one by one, or two by two.
template <class... Types>
class element_readers;

/// The parameters of a function that is no overload set and no template.
template <class Function>
struct parameters : parameters<decltype(&Function::operator())> {};
template <class Return, class... Types>
struct parameters<Return (*)(Types...)> {
    using readers = element_readers<std::remove_cvref_t<Types>...>;
};
template <class Return, class... Types>
struct parameters<Return (*)(Types...) noexcept> : parameters<Return (*)(Types...)> {};
template <class Return, class Class, class... Types>
struct parameters<Return (Class::*)(Types...)> : parameters<Return (*)(Types...)> {};
template <class Return, class Class, class... Types>
struct parameters<Return (Class::*)(Types...) const> : parameters<Return (*)(Types...)> {};
template <class Return, class Class, class... Types>
struct parameters<Return (Class::*)(Types...) noexcept> : parameters<Return (*)(Types...)> {};
template <class Return, class Class, class... Types>
struct parameters<Return (Class::*)(Types...) const noexcept> : parameters<Return (*)(Types...)> {};

/// What a parameter may be: the element as it came, a text, or what a reply can be decoded into.
template <class Type>
concept element_value =
    std::same_as<Type, resp::view> || std::same_as<Type, std::string_view> || decodable<Type>;

/// Reads an element as a parameter. Lifetime: of texts and views, the element's.
template <element_value Type>
result<Type> read_element(resp::view const& element) {
    if constexpr (std::same_as<Type, resp::view>) {
        return element;
    } else if constexpr (std::same_as<Type, std::string_view>) {
        if (!element.is_text() || element.is_error()) return unexpected("a text", element);
        return element.text();
    } else {
        return from_reply<Type>::from(element);
    }
}

/// Calls a function; true where it is to be called again.
template <class Function, class... Values>
bool call_for(Function& function, Values&&... values) {
    if constexpr (std::same_as<decltype(function(std::forward<Values>(values)...)), bool>) {
        return function(std::forward<Values>(values)...);
    } else {
        static_cast<void>(function(std::forward<Values>(values)...));
        return true;
    }
}

template <element_value Type>
class element_readers<Type> {
public:
    bool is_between() const noexcept { return false; }
    template <class Function>
    result<bool> give(resp::view const& element, Function& function, std::uint64_t& count) {
        result<Type> value = read_element<Type>(element);
        if (!value) return tl::unexpected<error>{std::move(value.error())};
        bool const more = call_for(function, std::move(*value));
        ++count;
        return more;
    }
};
/// The first of a pair is kept until the second has come: as a copy, for the bytes move on.
template <element_value First, element_value Second>
    requires(!std::same_as<First, resp::view>)
class element_readers<First, Second> {
    using kept = std::conditional_t<std::same_as<First, std::string_view>, std::string, First>;

public:
    bool is_between() const noexcept { return between_; }
    /// A pair comes as two elements, as maps do, or as one that is an array of two.
    template <class Function>
    result<bool> give(resp::view const& element, Function& function, std::uint64_t& count) {
        if (!between_ && element.is_aggregate() && element.children_count() == 2) {
            if (result<bool> const first = keep(element.child(0)); !first) return first;
            return complete(element.child(1), function, count);
        }
        return between_ ? complete(element, function, count) : keep(element);
    }

private:
    result<bool> keep(resp::view const& element) {
        result<First> read = read_element<First>(element);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        if constexpr (std::same_as<First, std::string_view>) {
            if (first_)
                first_->assign(*read);
            else
                first_.emplace(*read);
        } else {
            first_.emplace(std::move(*read));
        }
        between_ = true;
        return true;
    }
    template <class Function>
    result<bool> complete(resp::view const& element, Function& function, std::uint64_t& count) {
        between_ = false;
        result<Second> second = read_element<Second>(element);
        if (!second) return tl::unexpected<error>{std::move(second.error())};
        bool more = false;
        if constexpr (std::same_as<First, std::string_view>)
            more = call_for(function, std::string_view{*first_}, std::move(*second));
        else
            more = call_for(function, std::move(*first_), std::move(*second));
        ++count;
        return more;
    }

    std::optional<kept> first_;
    bool between_ = false;
};

/// A function that for_each() can call: with one parameter or two, of types that elements can be read as. A
/// generic lambda does not say what it wants.
template <class Function>
concept element_function = requires { sizeof(typename parameters<Function>::readers); };

/// A sink with the function of the caller's.
template <class Function>
class function_sink final : public element_sink {
    static_assert(element_function<Function>,
                  "for_each() calls a function of one or two parameters: std::string_view, resp::view, or "
                  "what from_reply<T> reads; no generic lambda");

public:
    function_sink(async::pooled_call& whole, Function&& function) noexcept
        : element_sink{whole}, function_{std::move(function)} {}
    bool is_between() const noexcept override { return elements_.is_between(); }

    /// An operation for the command.
    static operation<elements_given> begin(site const& from, encoded_command& command, Function&& function) {
        site plain{from};
        plain.options.hedge = {};
        plain.check();
        async::pooled_call& call = obtain<elements_given>(plain);
        prepare(call, plain, cluster::command_flags::none);
        if (plain.wrong) return refused<elements_given>(call, *plain.wrong);
        if (result<void> good = calling::check(plain, command); !good)
            return refused<elements_given>(call, std::move(good.error()));
        UMBEL_TRY {
            auto sink = std::make_unique<function_sink>(call, std::move(function));
            command::loadable const named = command.named();
            command.move_into(call);
            if (named) plain.code->arm(call, named);
            call.group = std::move(sink);
        }
        UMBEL_CATCH(std::bad_alloc const&) {
            return refused<elements_given>(call, error{errc::no_memory, delivery::not_sent});
        }
        call.form.elements = 1;
        call.launch = async::launch_kind::group;
        return operation<elements_given>{call};
    }

private:
    result<bool> give(resp::view const& element) override {
        return elements_.give(element, function_, count_);
    }

    Function function_;
    typename parameters<Function>::readers elements_;
};

}  // namespace calling
}  // namespace umbel
