"""Evidence turned into what people read: the PDF, its wording, its figures; values in, bytes out."""
