"""What a notificationFilter means: XPath 1.0 on a notification."""

from mnstream.adapters.filters.xpath import XPathFilters, compile_filter

__all__ = ["XPathFilters", "compile_filter"]
