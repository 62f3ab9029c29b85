"""What filters mean: XPath 1.0 on a notification, and on the objects of a GET."""

from mnstream.adapters.filters.objects import object_filter
from mnstream.adapters.filters.xpath import XPathFilters, compile_filter

__all__ = ["XPathFilters", "compile_filter", "object_filter"]
