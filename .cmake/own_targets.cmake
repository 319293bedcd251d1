# How our own programs are compiled: warnings, sanitizers, compiler cache. Nothing of this reaches a consumer.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "umbel needs g++ 12 or newer, this is ${CMAKE_CXX_COMPILER_VERSION}")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16)
  message(FATAL_ERROR "umbel needs clang 16 or newer, this is ${CMAKE_CXX_COMPILER_VERSION}")
endif()

find_program(UMBEL_CCACHE ccache)
mark_as_advanced(UMBEL_CCACHE)
if(UMBEL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${UMBEL_CCACHE}")
endif()

# The headers are held to more than this: see tests/architecture/compile.sh.
set(umbel_warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast -Wcast-qual
  -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND umbel_warnings -Wduplicated-cond -Wlogical-op)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 reports overlapping copies inside its own std::string (GCC bug 105651).
  list(APPEND umbel_warnings -Wno-restrict)
  # At -O1 it pairs Asio's operator new of coroutine frames with the wrong operator delete.
  list(APPEND umbel_warnings -Wno-mismatched-new-delete)
endif()

if(UMBEL_SANITIZE STREQUAL "address")
  set(umbel_sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With this sanitizer g++ 12 takes parts of its own standard library for uninitialised (GCC bug 105562).
    list(APPEND umbel_warnings -Wno-maybe-uninitialized)
  endif()
elseif(UMBEL_SANITIZE STREQUAL "thread")
  set(umbel_sanitizers -fsanitize=thread -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ warns that its thread sanitizer cannot see std::atomic_thread_fence, which Asio uses.
    # With it, it also takes parts of its own standard library for uninitialised, as above.
    list(APPEND umbel_warnings -Wno-tsan -Wno-maybe-uninitialized)
  endif()
elseif(UMBEL_SANITIZE)
  message(FATAL_ERROR "UMBEL_SANITIZE is address, thread or empty, not '${UMBEL_SANITIZE}'")
endif()

# Compiles one of our own programs: C++20 without extensions, strict warnings, the sanitizers asked for.
function(umbel_own_target target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE ${umbel_warnings} ${umbel_sanitizers})
  target_link_options(${target} PRIVATE ${umbel_sanitizers})
endfunction()

# Compiles a program without optimisation: one that computes little of its own and takes long to compile.
function(umbel_light_target target)
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU,Clang>:-O0>)
endfunction()

# umbel::own: the library as our own programs link it, Asio and what is no template of umbel compiled once for all of them.
# What it is to include headers alone is tried by tests/packaging, by tests/architecture and by the benchmarks.
function(umbel_own_library name header)
  file(GENERATE OUTPUT "${CMAKE_BINARY_DIR}/own/${name}.cpp" CONTENT "#include <${header}>\n")
  add_library(${name} STATIC EXCLUDE_FROM_ALL "${CMAKE_BINARY_DIR}/own/${name}.cpp")
  target_link_libraries(${name} PUBLIC umbel::umbel)
  umbel_own_target(${name})
endfunction()

umbel_own_library(umbel_own_asio asio/impl/src.hpp)
target_compile_definitions(umbel_own_asio PUBLIC ASIO_SEPARATE_COMPILATION)
umbel_own_library(umbel_own umbel/src.hpp)
target_link_libraries(umbel_own PUBLIC umbel_own_asio)
add_library(umbel::own ALIAS umbel_own)

# Compiles headers once for light programs of umbel::own, which take them by target_precompile_headers(… REUSE_FROM name).
function(umbel_precompiled_target name)
  file(GENERATE OUTPUT "${CMAKE_BINARY_DIR}/own/${name}.cpp" CONTENT "")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL "${CMAKE_BINARY_DIR}/own/${name}.cpp")
  target_link_libraries(${name} PRIVATE umbel::own)
  umbel_own_target(${name})
  umbel_light_target(${name})
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()
