#include "ctl/table.h"

#include <algorithm>
#include <numeric>

namespace cradle::ctl {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kNarrowest = 6;

bool Continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Characters, which for what we show are columns.
size_t Length(const std::string& text) {
  return text.size() - static_cast<size_t>(std::count_if(text.begin(), text.end(), Continues));
}

std::string Cut(const std::string& text, size_t width) {
  if (Length(text) <= width) return text;
  size_t end = 0;
  for (size_t taken = 0; end < text.size(); ++end) {
    if (!Continues(text[end]) && ++taken == width) break;
  }
  return text.substr(0, end) + "…";
}

}  // namespace

void Table::Add(std::vector<std::string> row) {
  row.resize(columns_.size());
  for (std::string& cell : row) {
    std::replace_if(
        cell.begin(), cell.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  }
  rows_.push_back(std::move(row));
}

// Takes what is too much from the widest column that may shrink, again and again.
std::vector<size_t> Table::Widths(size_t limit) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = Length(columns_[i].head);
    for (const auto& row : rows_) width = std::max(width, Length(row[i]));
    widths.push_back(width);
  }
  auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  };
  while (limit != 0 && total() > limit) {
    size_t widest = widths.size();
    for (size_t i = 0; i < widths.size(); ++i) {
      bool shrinks = columns_[i].may_shrink && widths[i] > kNarrowest;
      if (shrinks && (widest == widths.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == widths.size()) break;
    --widths[widest];
  }
  return widths;
}

std::string Table::Format(size_t width) const {
  std::vector<size_t> widths = Widths(width);
  std::string out;
  auto line = [&](auto cell_of) {
    std::string text;
    for (size_t i = 0; i < columns_.size(); ++i) {
      std::string cell = Cut(cell_of(i), widths[i]);
      size_t padding = widths[i] - Length(cell) + kGap;
      text += cell;
      if (i + 1 < columns_.size()) text.append(padding, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line([&](size_t i) { return columns_[i].head; });
  for (const auto& row : rows_) {
    line([&](size_t i) { return row[i]; });
  }
  return out;
}

}  // namespace cradle::ctl
