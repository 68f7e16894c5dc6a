// How a secret is written in a file, a credential or the configuration.
// Decodes in place, so that no second copy has to be wiped. Called by auth and config.
#include "base/secret_text.hpp"

#include <string_view>

namespace peerhold {

namespace {

using Bytes = std::span<unsigned char>;

bool starts_with(Bytes bytes, std::string_view word) {
  if (bytes.size() < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i)
    if (bytes[i] != static_cast<unsigned char>(word[i])) return false;
  return true;
}

int hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int base64_digit(unsigned char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

Error bad(const char* what, std::size_t at) {
  return Error{std::string(what) + " at its character " + std::to_string(at + 1) +
               " (a secret that begins so by chance is written with text: before it)"};
}

Result<std::size_t> decode_hex(Bytes text) {
  if (text.size() % 2 != 0) return Error{"the hex: secret has an odd number of digits"};
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0)
      return bad("the hex: secret has no hexadecimal digit", high < 0 ? i : i + 1);
    text[i / 2] = static_cast<unsigned char>(high << 4 | low);
  }
  return text.size() / 2;
}

Result<std::size_t> decode_base64(
    Bytes text) {  // RFC 4648 §4; the padding may be left out, not be wrong
  std::size_t digits = text.size();
  while (digits > 0 && text[digits - 1] == '=') --digits;
  const std::size_t padding = text.size() - digits;
  if (digits % 4 == 1 || (padding > 0 && (padding > 2 || text.size() % 4 != 0)))
    return Error{"the base64: secret is cut off or wrongly padded"};
  std::size_t out = 0;
  unsigned held = 0, bits = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int digit = base64_digit(text[i]);
    if (digit < 0) return bad("the base64: secret has no base64 digit", i);
    held = (held << 6 | static_cast<unsigned>(digit)) & 0xfffU;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    text[out++] = static_cast<unsigned char>(held >> bits);
  }
  if ((held & ((1U << bits) - 1U)) != 0)
    return Error{"the base64: secret is cut off: its last digit has bits to spare"};
  return out;
}

const char* odd_end(Bytes bytes) {
  if (bytes.empty()) return nullptr;
  switch (bytes.back()) {
    case '\r':
      return "a carriage return";
    case ' ':
      return "a space";
    case '\t':
      return "a tab";
    case '\n':
      return "a second newline";
    default:
      return nullptr;
  }
}

Result<SecretText> parse(Bytes text) {
  SecretText result;
  if (!text.empty() && text.back() == '\n') text = text.first(text.size() - 1);
  const bool hex = starts_with(text, "hex:"), base64 = starts_with(text, "base64:");
  if (const char* what = odd_end(text)) {
    result.warning = std::string("the secret ends with ") + what;
    if (hex || base64)
      result.warning += ", which is ignored";
    else
      result.warning +=
          ", which is taken as a part of the key; remove it if the peer's key has none";
  }
  if (hex || base64) {
    while (odd_end(text) != nullptr) text = text.first(text.size() - 1);
    text = text.subspan(hex ? 4 : 7);
    auto size = hex ? decode_hex(text) : decode_base64(text);
    if (!size) return std::move(size).error();
    text = text.first(*size);
  } else if (starts_with(text, "text:")) {
    text = text.subspan(5);
  }
  auto secret = Secret::take(text);
  if (!secret) return std::move(secret).error();
  result.secret = std::move(*secret);
  return result;
}

}  // namespace

Result<SecretText> parse_secret(std::span<unsigned char> bytes) {
  auto result = parse(bytes);
  wipe(bytes.data(), bytes.size());
  return result;
}

}  // namespace peerhold
