// src.hpp: everything of umbel that is not a template. client.hpp includes it by itself; a program that
// defines UMBEL_SEPARATE_COMPILATION everywhere includes it in one source file of its own, and compiles it
// once:
//
//     #include <umbel/src.hpp>
#pragma once

#include <umbel/client_values.hpp>
#include <umbel/client_words.hpp>
#include <umbel/command/argument_impl.hpp>
#include <umbel/command/strings_impl.hpp>
#include <umbel/net/call_pool_impl.hpp>
#include <umbel/net/completion_impl.hpp>
#include <umbel/net/executor_impl.hpp>
#include <umbel/net/hedge_impl.hpp>
#include <umbel/net/home_impl.hpp>
#include <umbel/net/operation_impl.hpp>

#if defined(UMBEL_SEPARATE_COMPILATION)
UMBEL_COMPILE_VALUES();
#endif
