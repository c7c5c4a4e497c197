import Bitmaps
