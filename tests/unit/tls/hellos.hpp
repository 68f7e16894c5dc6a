// ClientHellos for tests: those that real clients sent (plugins/tls/hellos), and made ones.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "hello.hpp"

namespace tls::test {

using Buffer = std::vector<std::uint8_t>;

inline Buffer recorded(const std::string& name) {
  const char* folder = std::getenv("HELLOS");
  std::ifstream file(std::string(folder ? folder : ".") + "/" + name + ".hello", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline const std::vector<std::string> clients = {
    "openssl", "openssl-h2", "openssl-tls1.2", "openssl-tls1.0", "openssl-early",
    "no-name", "curl",       "curl-tls1.2",    "gnutls",         "chromium"};

inline void put16(Buffer& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void put(Buffer& to, const Buffer& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void put(Buffer& to, const std::string& text) {
  to.insert(to.end(), text.begin(), text.end());
}
inline Buffer counted16(const Buffer& bytes) {
  Buffer out;
  put16(out, bytes.size());
  put(out, bytes);
  return out;
}

// The handshake message without records, and without what comes behind it.
inline Buffer message_of(const Buffer& wire) {
  Buffer message;
  for (std::size_t at = 0; at + 5 <= wire.size() && wire[at] == 22;) {
    const std::size_t length = static_cast<std::size_t>(wire[at + 3]) << 8 | wire[at + 4];
    message.insert(
        message.end(), wire.begin() + static_cast<std::ptrdiff_t>(at + 5),
        wire.begin() + static_cast<std::ptrdiff_t>(std::min(at + 5 + length, wire.size())));
    at += 5 + length;
  }
  return message;
}

inline void record(Buffer& to, const std::uint8_t* from, std::size_t n, std::uint8_t minor = 1) {
  put(to, Buffer{22, 3, minor});
  put16(to, n);
  to.insert(to.end(), from, from + n);
}

// What make() puts into a hello; each a whole extension with its type and length.
inline Buffer extension(std::size_t type, const Buffer& data) {
  Buffer out;
  put16(out, type);
  put(out, counted16(data));
  return out;
}
inline Buffer name_entry(const std::string& name, std::uint8_t type = 0) {
  Buffer entry{type};
  put16(entry, name.size());
  put(entry, name);
  return entry;
}
inline Buffer sni(const std::string& name) {
  return extension(0, counted16(name_entry(name)));
}
inline Buffer alpn(const std::vector<std::string>& protocols) {
  Buffer list;
  for (const std::string& one : protocols) {
    list.push_back(static_cast<std::uint8_t>(one.size()));
    put(list, one);
  }
  return extension(16, counted16(list));
}
inline Buffer versions(const std::vector<std::uint16_t>& all) {
  Buffer list{static_cast<std::uint8_t>(all.size() * 2)};
  for (const std::uint16_t one : all) put16(list, one);
  return extension(43, list);
}

struct Made {
  std::vector<Buffer> extensions;
  std::size_t version = 0x0303;
  bool with_extensions = true;
  std::size_t session = 32, ciphers = 2, compressions = 1;
};

inline Buffer make_message(const Made& made) {
  Buffer body;
  put16(body, made.version);
  body.insert(body.end(), 32, 7);
  body.push_back(static_cast<std::uint8_t>(made.session));
  body.insert(body.end(), made.session, 1);
  put16(body, made.ciphers);
  body.insert(body.end(), made.ciphers, 2);
  body.push_back(static_cast<std::uint8_t>(made.compressions));
  body.insert(body.end(), made.compressions, 0);
  if (made.with_extensions) {
    Buffer all;
    for (const Buffer& one : made.extensions) put(all, one);
    put(body, counted16(all));
  }
  Buffer message{1, 0};
  put16(message, body.size());
  put(message, body);
  return message;
}

inline Buffer make(const Made& made) {
  const Buffer message = make_message(made);
  Buffer wire;
  for (std::size_t at = 0; at < message.size(); at += 16384)
    record(wire, message.data() + at, std::min<std::size_t>(16384, message.size() - at));
  return wire;
}
inline Buffer make(std::vector<Buffer> extensions) {
  return make(Made{std::move(extensions)});
}

inline Buffer bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

}  // namespace tls::test
