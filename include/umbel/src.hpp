// src.hpp: everything of umbel that is not a template. client.hpp includes it by itself; a program that
// defines UMBEL_SEPARATE_COMPILATION everywhere includes it in one source file of its own, and compiles it
// once:
//
//     #include <umbel/src.hpp>
#pragma once

#include <umbel/client/instantiations.hpp>
#include <umbel/client/encode_call.hpp>
#include <umbel/command/argument_impl.hpp>
#include <umbel/command/strings_impl.hpp>
#include <umbel/async/call_pool_impl.hpp>
#include <umbel/async/completion_impl.hpp>
#include <umbel/async/completion_target_impl.hpp>
#include <umbel/async/hedge_impl.hpp>
#include <umbel/net/make_backend_impl.hpp>
#include <umbel/async/operation_impl.hpp>

#if defined(UMBEL_SEPARATE_COMPILATION)
UMBEL_COMPILE_VALUES();
#endif
