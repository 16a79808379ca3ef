// Asio and Beast with their non-template parts compiled once, in http_asio.cpp: that takes the translation units that
// use them from 40 s to a few. Only for http_*.cpp of this room, and before any Boost header.
#pragma once

#define BOOST_ASIO_SEPARATE_COMPILATION
#define BOOST_BEAST_SEPARATE_COMPILATION
#define BOOST_ASIO_NO_DEPRECATED

// ThreadSanitizer knows no fences, and g++ says so as an error. What they order here the scheduler's mutex orders too.
#if defined(__SANITIZE_THREAD__)
#define BOOST_ASIO_DISABLE_FENCED_BLOCK
#endif
