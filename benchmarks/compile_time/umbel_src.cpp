// What is no template, compiled once: see umbel/src.hpp.
#include <umbel/src.hpp>
